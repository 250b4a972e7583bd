import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// Starts the warden in new namespaces and gives it its identity.
///
/// Nothing of this depends on the spec, so it begins before the command line is even parsed: the kernel makes the namespaces,
/// and the warden's program starts and does what every plan begins with, on another processor while coop reads its
/// configuration. Without the rest of its plan the warden starts nothing, and it ends when this object or this process goes
/// away.
public final class WardenStart {
    /// Looked at in haste, where it was started early: whether parts of /proc are masked is not known.
    let facts: HostFacts
    /// What it has been told to do already.
    private(set) var beginning: LaunchPlan?
    private let clone: ClonedWarden
    private let mapping: IdentityMapping
    private var hasBegun = false
    private var isHandedOver = false

    var pid: Int32 { clone.pid }

    /// Starts a warden from the program at `wardenPath`.
    public init(wardenPath: String) throws {
        var namespaces = HostFacts.probeNamespaces()
        #if COOP_TEST_HOOKS
            namespaces = TestOmission.apply(to: namespaces)
        #endif
        let clone = try ClonedWarden(path: wardenPath, namespaces: namespaces)
        // From here on the kernel makes the namespaces while this process looks at the host, first at what the maps depend on.
        do {
            let users = try UserMapping.probe()
            mapping = try IdentityMapping(users, of: clone.pid)
            var facts = try HostFacts.probe(users: users, looksForMaskedProc: false)
            #if COOP_TEST_HOOKS
                facts = TestOmission.apply(to: facts)
            #endif
            var beginning = LaunchPlanner.beginning(facts: facts)
            #if COOP_TEST_HOOKS
                beginning = TestOmission.apply(to: beginning)
            #endif
            self.facts = facts
            self.beginning = beginning
            self.clone = clone
            // It fits into the socket's buffer, where the program finds it when it begins.
            try clone.channel.sendIfOpen(.prepare(beginning))
            try advance()
        } catch {
            clone.end()
            throw error
        }
    }

    /// - Parameter holdsBack: keep the new process as it is, with this process's own user, until it is handed over.
    init(wardenPath: String, facts: HostFacts, holdsBack: Bool = false) throws {
        self.facts = facts
        beginning = nil
        do {
            clone = try ClonedWarden(path: wardenPath, namespaces: facts.namespaces)
        } catch let error as SystemError {
            throw WardenStart.spawnFailure(error, facts: facts)
        }
        do { mapping = try IdentityMapping(facts.users, of: clone.pid) } catch {
            clone.end()
            throw error
        }
        if !holdsBack { try advance() }
    }

    deinit { if !isHandedOver { end() } }

    /// Lets the warden's program begin if its identity is complete by now. Does not wait.
    public func advance() throws { try proceed(waiting: false) }

    /// What of a spec is known.
    public enum Part {
        /// All but mounts, covers, protected paths and files of the HOME.
        case outline
        /// The files of the sandbox's own as well.
        case files
    }

    /// Lets it do what follows the beginning, now that this part of the spec is known; the parts in their order. The plan of a spec that
    /// becomes another one in what was looked at here does not begin like this, and gets a new warden.
    public func proceed(with part: Part, of spec: SandboxSpec) throws {
        guard var begun = beginning else { return }
        try advance()
        var next =
            switch part {
            case .outline: LaunchPlanner.continuation(of: spec, facts: facts)
            case .files: LaunchPlanner.files(of: spec, facts: facts)
            }
        #if COOP_TEST_HOOKS
            next = TestOmission.apply(to: next)
        #endif
        try clone.channel.sendIfOpen(.prepare(next))
        begun.operations += next.operations
        beginning = begun
    }

    /// Gives the warden its plan, which begins with `beginning`, and hands it over to whoever talks to it from now on.
    func handOver(_ plan: LaunchPlan, overlay: Descriptor? = nil) throws -> (pid: Int32, channel: FrameChannel) {
        try proceed(waiting: true)
        var rest = plan
        rest.operations.removeFirst(beginning?.operations.count ?? 0)
        // `ready` or `failed` is not waited for: it comes while the command is being prepared. A warden that could not even
        // start has left its reason in the stream.
        try clone.channel.sendIfOpen(.plan(rest), descriptors: overlay.map { [$0] } ?? [])
        isHandedOver = true
        return (clone.pid, clone.channel)
    }

    private func proceed(waiting: Bool) throws {
        guard !hasBegun, try mapping.isComplete(waiting: waiting) else { return }
        hasBegun = true
        try clone.begin(as: facts.users.wardenIdentity, dropsGroups: WardenStart.mayDropGroups(facts))
    }

    private func end() {
        // In this order: a tool whose process is gone complains on the user's terminal.
        mapping.abandon()
        clone.end()
    }

    /// Who is root only inside a user namespace of an ordinary user may not change groups (user_namespaces(7)): there they stay,
    /// as they do without subordinate ids.
    private static func mayDropGroups(_ facts: HostFacts) -> Bool {
        guard facts.users.separatesWarden || facts.isRoot else { return false }
        // A kernel without the file has no such rule.
        let rule = (try? FileSystem.read("/proc/self/setgroups", limit: 64)) ?? []
        return !rule.starts(with: "deny".utf8)
    }

    /// In the words of `coop doctor`, where it recognises the reason: whoever sees this wants the remedy, not a second command.
    private static func spawnFailure(_ error: SystemError, facts: HostFacts) -> CoopError {
        guard [EPERM, EACCES, ENOSPC, ENOSYS].contains(error.errno) else {
            return CoopError(.failed, "cannot start the sandbox", error.description, next: "coop doctor")
        }
        let findings = Diagnosis.recognise(facts: facts, conditions: .read(), refusal: error.errno)
        guard let finding = findings.first(where: { $0.severity == .blocking }) else {
            return CoopError(
                .notReady, "cannot make a user namespace", "the kernel refuses it to this user (\(error.reason))", next: "coop doctor")
        }
        return CoopError(.notReady, "cannot make a user namespace", finding.why, next: finding.fix)
    }
}
