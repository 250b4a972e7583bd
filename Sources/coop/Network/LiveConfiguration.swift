import CoopErrors
import LinuxKernel
import Policy
import Projects
import Sandbox

/// Follows the configuration files of a live sandbox: what they say about the network takes effect at once.
///
/// The user's own file counts as it is. A repository's files count by the bytes that are approved: an edit that is not can only narrow what
/// the approved ones let through.
final class LiveConfiguration {
    /// The most lines that one session says about its files: who can write to one could otherwise fill the terminal.
    private static let noticeLimit = 50

    private let context: Context
    private let project: Project
    private let flags: [ConfigurationFlag]
    /// Whether the run was started with `--ask`.
    private let asks: Bool
    private let grants: SandboxGrants?
    private let rules: LivePolicy
    /// What the agent that runs has brought along.
    private let agent: ConfigurationLayer?
    /// The last state of the repository's files that was approved, or needed no approval.
    private var approved: ApprovedConfiguration
    /// How the files were when they were read last.
    private var state: ConfigurationState
    private var watch: ConfigurationWatch?
    private var lastNotice = ""
    private var notices = 0

    /// Milliseconds after which the kernel is asked to tell of changes. Until then the files are looked at when the sandbox asks for
    /// something: the kernel takes longer to forget about a watch than a short command runs.
    private static let patience: UInt64 = 1000

    /// - Parameters:
    ///   - approved: what the sandbox was started with.
    ///   - state: the files before that was read.
    init(
        context: Context, project: Project, options: RunOptions, approved: ApprovedConfiguration, state: ConfigurationState,
        grants: SandboxGrants?, rules: LivePolicy
    ) {
        self.context = context
        self.project = project
        flags = options.flags
        asks = options.ask
        self.approved = approved
        self.state = state
        self.grants = grants
        self.rules = rules
        agent = approved.loaded.layers.first { $0.layer == .agent }
    }

    /// Follows the files from now on.
    func start(on loop: EventLoop) {
        _ = loop.after(milliseconds: LiveConfiguration.patience) { [weak self] in
            guard let self else { return }
            do {
                try context.home.prepare(context.home.directory(.trust))
                watch = try ConfigurationWatch(state.files, loop: loop) { [unowned self] in self.reload() }
            } catch {
                say("coop: cannot follow the configuration, and looks at it when the sandbox asks for something: \("\(error)".printable)\n")
            }
            look()
        }
    }

    /// Reads the files again if they are others than before.
    func look() {
        let now = state.again()
        if now != state { reload() }
    }

    func stop() {
        watch?.stop()
        watch = nil
    }

    private func reload() {
        state = state.again()
        do {
            var loaded = try LoadedConfiguration.load(project: project, home: context.home, flags: flags)
            if let agent { loaded.layers.append(agent) }
            let asking = loaded.resolve()
            var edit: LoadedConfiguration?
            let store = TrustStore(home: context.home)
            switch try store.verdict(project, digest: loaded.contentDigest, requests: asking.requests) {
            case .notNeeded: approved = ApprovedConfiguration(loaded: loaded, items: [])
            case .approved(let record): approved = ApprovedConfiguration(loaded: loaded, items: Set(record.items))
            case .needed:
                edit = loaded
                // An approval that was taken back, or lost, is none.
                let record = try store.record(of: project)
                if record?.digest == nil || record?.writtenBySandbox.isEmpty == false { approved.items = [] }
                let isUser = { (layer: ConfigurationLayer) in !layer.layer.isRepository }
                approved.loaded.layers = approved.loaded.layers.filter { !isUser($0) } + loaded.layers.filter(isUser)
            }
            var policy = try self.policy(approved.resolved)
            if let edit {
                policy = policy.narrowed(
                    refusing: try self.policy(asking), keeping: try self.policy(edit.resolve { _ in true }))
                let names = Set(asking.requests.map(\.origin.name)).sorted().joined(separator: " and ")
                say("coop: \(names) asks for what is not approved: until `coop trust`, only what it narrows is in force\n")
            } else {
                lastNotice = ""
            }
            try rules.replace(base: policy)
        } catch {
            say("coop: \(error.message.printable); the rules of the running sandbox stay as they are\n")
        }
    }

    private func policy(_ configuration: ResolvedConfiguration) throws(CoopError) -> NetworkPolicy {
        let settings = NetworkSettings(context: context, project: project, configuration: configuration.effective, isLive: true)
        var policy = try settings.network().policy
        policy.asks = asks
        return try grants?.following(configuration.effective.network).applied(to: policy) ?? policy
    }

    /// Says the same thing once.
    private func say(_ text: String) {
        guard text != lastNotice, notices < LiveConfiguration.noticeLimit else { return }
        lastNotice = text
        notices += 1
        Notice.say(text)
    }
}
