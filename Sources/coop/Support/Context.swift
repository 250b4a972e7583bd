import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox
import Synchronization

/// Where a command works: coop's own directory, the project and its configuration.
struct Context: Sendable {
    let home: CoopHome
    /// The directory the user stands in, as the shell shows it.
    let currentDirectory: String

    init() throws(CoopError) {
        home = try CoopHome.locate()
        try ChosenProject.enter(home)
        guard let pointer = getcwd(nil, 0) else {
            throw CoopError(.failed, "cannot tell the current directory", SystemError.text(for: errno), next: "cd ~")
        }
        defer { free(pointer) }
        currentDirectory = String(osBytes: UnsafePointer(pointer))
    }

    /// The project of `currentDirectory`, once it is found: a command asks for it several times, and means the same one.
    private static let found = Mutex<(directory: String, project: Project)?>(nil)

    /// The project of the current directory.
    func project() throws(CoopError) -> Project {
        if let known = Context.found.withLock({ $0 }), known.directory == currentDirectory { return known.project }
        // The shell's own idea of the path is kept where it names the same directory, so that messages look familiar.
        let shown = environmentVariable("PWD").flatMap { FileSystem.realPath($0) == currentDirectory ? $0 : nil }
        let project = try ProjectLocator(home: home).project(at: currentDirectory, shown: shown)
        try MovedProject(context: self).takeOver(project)
        HostPath.leaveOut(project.root)
        Context.found.withLock { $0 = (currentDirectory, project) }
        return project
    }

    /// Makes the project known before anything is kept for it, under the name that it gives itself.
    @discardableResult
    func keep(_ project: Project, configuration: Configuration) throws(CoopError) -> ProjectRecord {
        try ProjectRegistry(home: home).keep(project, name: configuration.name?.value)
    }

    /// The same where the configuration is not at hand. What is wrong with it is said by the commands that go by it.
    @discardableResult
    func keep(_ project: Project) throws(CoopError) -> ProjectRecord { try ProjectRegistry(home: home).keepAsConfigured(project) }

    /// The project, or none at all for a sandbox without a workspace: that one can be had anywhere, the home included.
    func project(for options: RunOptions) throws(CoopError) -> Project {
        do {
            return try project()
        } catch {
            guard options.workspace == WorkspaceMode.none.rawValue, error.code == .refused else { throw error }
            return Project.none
        }
    }

    /// The project for commands that also work without one, such as `coop config list` in the home directory.
    func projectIfAny() throws(CoopError) -> Project? {
        do { return try project() } catch {
            guard error.code == .refused else { throw error }
            return nil
        }
    }

    /// The project's configuration, with what its repository asks approved or refused.
    ///
    /// - Parameter agent: the agent that is run, whose needs are the lowest layer.
    func configuration(
        of project: Project, flags: [ConfigurationFlag], agent: AgentRun? = nil
    ) throws(CoopError) -> ResolvedConfiguration {
        try approvedConfiguration(of: project, flags: flags, agent: agent).resolved
    }

    /// The same with the files as they were read.
    func approvedConfiguration(
        of project: Project, flags: [ConfigurationFlag], agent: AgentRun? = nil
    ) throws(CoopError) -> ApprovedConfiguration {
        var loaded = try LoadedConfiguration.load(project: project, home: home, flags: flags)
        if let agent { loaded.layers.append(try agent.layer(over: loaded.resolve().effective, context: self)) }
        let asking = loaded.resolve()
        let store = TrustStore(home: home)
        switch try store.verdict(project, digest: loaded.contentDigest, requests: asking.requests) {
        case .notNeeded: return ApprovedConfiguration(loaded: loaded, items: [])
        case .approved(let record): return ApprovedConfiguration(loaded: loaded, items: Set(record.items))
        case .needed(let difference):
            try Approval(project: project, home: home).ask(difference, loaded: loaded, all: asking.requests)
            return ApprovedConfiguration(loaded: loaded, items: Set(asking.requests.map(\.text)))
        }
    }

    /// The directory of live sandboxes.
    var run: String { home.directory(.run) }
}

extension Project {
    /// For a sandbox that shows nothing of the host's directories.
    static let none = Project(root: "/workspace", shownRoot: "/workspace", currentDirectory: "/workspace", evidence: .currentDirectory)
}
