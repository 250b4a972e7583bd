import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox

/// Builds the spec of a sandbox from the project, its configuration and the command line. Looks at the host, changes
/// nothing on it.
struct SpecBuilder {
    let context: Context
    let project: Project
    let configuration: ResolvedConfiguration
    let options: RunOptions
    let id: String
    /// Nil without network.
    let grants: SandboxGrants?
    /// Nil for an ordinary command.
    let agent: AgentRun?
    /// Nil for a run in the user's own tree.
    var task: TaskRun?

    func build(command: [String]) throws(CoopError) -> SandboxSpec {
        let sandbox = configuration.effective.sandbox
        try refuseUnavailable()
        if agent == nil, options.prompt != nil || options.promptFile != nil {
            throw CoopError(
                .usage, "cannot hand the prompt to \((command.first ?? "").printable)", "it is no agent that coop knows by name",
                next: "coop run --prompt TEXT AGENT")
        }
        let user = try self.user()
        let workspace = try self.workspace(sandbox.workspace?.value ?? .bind)
        guard !FileSystem.contains(project.root, context.home.path) else {
            throw CoopError(
                .refused, "cannot use \(project.root.printable) as the workspace", "coop's own directory lies in it",
                next: "export COOP_HOME to a directory outside the project")
        }
        let homeSource = options.ephemeral ? nil : context.home.directory(.home, of: project.key)
        var mounts = try self.mounts(workspace: workspace)
        let toolchains = Toolchain.resolve(
            path: callersPath, home: context.home.userHome, environment: environmentVariable
        ) { directory in
            SpecBuilder.systemDirectories.contains { FileSystem.contains($0, directory) }
                || FileSystem.contains(workspace.path, directory) || mounts.contains { FileSystem.contains($0.target, directory) }
        }
        try MountTargets(workspace: workspace, mounts: mounts, systemDirectories: SpecBuilder.systemDirectories).check()
        mounts += toolchains.mounts
        let installation = try agent.map { agent throws(CoopError) in
            try self.installation(of: agent, workspace: workspace, mounts: &mounts)
        }
        let workingDirectory = try self.workingDirectory(workspace: workspace)
        let seccomp = options.seccomp.map { FileSystem.normalize(FileSystem.join(context.currentDirectory, $0)) }
        let builder = EnvironmentBuilder(context: context, configuration: configuration, options: options, grants: grants)
        var network = try NetworkSettings(context: context, project: project, configuration: configuration.effective).network()
        if options.ask {
            guard network.usesGateway else {
                throw CoopError(
                    .usage, "cannot ask about hosts", "the network is `none`, and nothing can be allowed",
                    next: "coop config get network.mode")
            }
            network.policy.asks = true
        }
        if let grants { network.policy = try grants.applied(to: network.policy) }
        let registry = ProjectRegistry(home: context.home)
        let worktree: WorktreePlace?
        if let task {
            worktree = try registry.worktree(at: task.record.tree, portOffset: task.record.portOffset)
        } else {
            worktree = try registry.worktree(of: project)
        }
        let forwards = try ForwardBuilder(userHome: context.home.userHome, session: FileSystem.join(context.run, id)).build(sandbox.forward)
        var environment = try builder.build(
            path: searched(toolchains.path, installation), user: user, home: context.home.userHome, workingDirectory: workingDirectory,
            id: id, network: network, worktree: worktree, task: task?.record.name.text)
        for variable in forwards.variables where !environment.contains(where: { $0.name == variable.name && $0.origin.hasPrefix("-e") }) {
            environment.removeAll { $0.name == variable.name }
            environment.append(variable)
        }
        environment.sort { $0.name < $1.name }
        let files = grants?.files(home: context.home.userHome, environment: environment) ?? []
        for file in files { try refuseMount(over: file, mounts: mounts) }
        let name = try self.name()
        let excludes = try self.excludes(workspace: workspace)
        var homeDirectory = Home(path: context.home.userHome, source: homeSource, files: files)
        if let agent {
            if let file = agent.withoutLogin(home: homeDirectory.path, source: homeSource), !files.contains(where: { $0.path == file.path })
            {
                homeDirectory.files.append(file)
            }
            let seeded = try agent.seeds(homeDirectory, workspace: workspace.path, environment: environment, hasLogin: !files.isEmpty)
            homeDirectory.files = homeDirectory.files.filter { file in !seeded.contains { $0.path == file.path } } + seeded
        }
        return SandboxSpec(
            id: id, name: name, workspace: workspace, home: homeDirectory, mounts: mounts + forwards.mounts,
            excludes: excludes.directories, protected: try excludes.files + hostSockets(workspace: workspace, mounts: mounts),
            environment: environment, user: user, workingDirectory: workingDirectory,
            hostname: worktree?.hostname ?? SpecBuilder.hostname,
            limits: Limits(
                memory: sandbox.memory?.value, cpus: sandbox.cpus?.value, processes: sandbox.pids.map { UInt64($0.value) },
                disk: sandbox.disk?.value),
            network: network, systemCalls: SystemCalls(groups: sandbox.allowSyscalls.map(\.value), profile: seccomp),
            degraded: try options.degradedLayers(),
            timeout: sandbox.timeout.map { seconds(of: $0.value) },
            command: try agent.map { agent throws(CoopError) in try agent.command(installation?.program ?? "") } ?? command,
            prepare: options.noHooks ? nil : configuration.effective.hooks.prepare?.value, forwards: forwards.forwards)
    }

    /// Adds what an agent's installation consists of to the mounts.
    private func installation(of agent: AgentRun, workspace: Workspace, mounts: inout [Mount]) throws(CoopError) -> Installation {
        let home = context.home.userHome
        let program = try agent.locate(home: home)
        let before = mounts
        func isVisible(_ path: String) -> Bool {
            SpecBuilder.systemDirectories.contains { FileSystem.contains($0, path) }
                || workspace.isShown && FileSystem.contains(workspace.path, path)
                || before.contains { FileSystem.contains($0.target, path) }
        }
        let found = Installation.find(
            program, home: home, path: callersPath, reason: "agent \(agent.agent.name)", isVisible: isVisible)
        mounts += found.mounts
        mounts += agent.exposed(home: home) { path in isVisible(path) || found.mounts.contains { FileSystem.contains($0.target, path) } }
        return found
    }

    /// PATH as coop was started with it; what of it lies in the user's own tree is, in a task, in the task's.
    private var callersPath: String { task?.searched(HostPath.callers) ?? HostPath.callers }

    /// PATH with the directories in which the interpreters of an agent were found.
    private func searched(_ path: String, _ installation: Installation?) -> String {
        let known = path.split(separator: ":").map(String.init)
        return (known + (installation?.searched.filter { !known.contains($0) } ?? [])).joined(separator: ":")
    }

    /// The host name inside, but in linked worktrees.
    static let hostname = "coop"
    static let systemDirectories = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/nix"]

    private func seconds(of time: Duration) -> Double {
        Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
    }

    /// What this version cannot do is said, never ignored.
    private func refuseUnavailable() throws(CoopError) {
        let effective = configuration.effective
        if let engine = effective.sandbox.engine, engine.value != .native, engine.value != .auto {
            throw unavailable("the engine \(engine.value.rawValue)", engine.origin, "use native")
        }
        if let root = effective.sandbox.rootfs, root.value != "host" {
            throw unavailable("the root file system \(root.value)", root.origin, "use host")
        }
    }

    private func unavailable(_ what: String, _ origin: ConfigurationOrigin, _ next: String) -> CoopError {
        CoopError(.notReady, "cannot use \(what.printable)", "it is not in this version (\(origin))", next: next)
    }

    private func user() throws(CoopError) -> User {
        do {
            let entry = try UserDatabase.entry(of: getuid())
            let groupName = try UserDatabase.groupName(of: getgid())
            let shell = entry?.shell ?? "/bin/sh"
            return User(
                name: entry?.name ?? "user", id: getuid(), group: getgid(), groupName: groupName ?? "users",
                shell: FileSystem.isExecutable(shell) ? shell : "/bin/sh")
        } catch {
            throw CoopError(.failed, "cannot read the user database", "\(error)", next: "ls -l /etc/passwd /etc/group")
        }
    }

    /// A name is shown in lists and becomes a part of messages: letters, digits, `-`, `_` and `.`.
    private func name() throws(CoopError) -> String? {
        guard let name = options.name else { return nil }
        let valid =
            !name.isEmpty && name.utf8.count <= 64 && name != "." && name != ".."
            && name.utf8.allSatisfy { byte in
                (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A) || (byte >= 0x61 && byte <= 0x7A)
                    || byte == 0x2D || byte == 0x5F || byte == 0x2E
            } && !name.hasPrefix("-") && !name.hasPrefix(".")
        guard valid else {
            throw CoopError(
                .usage, "cannot name the sandbox `\(name.printable)`", "a name is 1 to 64 letters, digits, `-`, `_` and `.`",
                next: "coop run --name my-task -- …")
        }
        return name
    }

    private func workingDirectory(workspace: Workspace) throws(CoopError) -> String {
        guard let asked = options.workdir else {
            if !workspace.isShown { return workspace.path }
            guard let task else { return project.currentDirectory }
            // What git does not know of is not in the task's tree.
            let there = task.counterpart(of: project.currentDirectory)
            return FileSystem.kind(there) == .directory ? there : FileSystem.kind(task.root) == .directory ? task.root : workspace.path
        }
        guard !asked.isEmpty else { throw CoopError(.usage, "cannot start in ``", "--workdir is empty", next: "coop run --workdir . -- …") }
        let place = FileSystem.normalize(FileSystem.join(context.currentDirectory, asked))
        return task?.counterpart(of: place) ?? place
    }

    // MARK: - Mounts

    /// A login's file with stubs belongs into the private HOME: in a directory of the host's it would take the place of the real one.
    private func refuseMount(over file: HomeFile, mounts: [Mount]) throws(CoopError) {
        guard let mount = mounts.first(where: { FileSystem.contains($0.target, file.path) }) else { return }
        let isAgents = configuration.effective.grants.contains { $0.origin.layer == .agent && file.reason == "grant \($0.value.name)" }
        throw CoopError(
            .refused, "cannot put \(file.path.printable) inside (\(file.reason))",
            "\(mount.target.printable) is the host's own, shown by \(mount.reason.printable)",
            next: isAgents
                ? "leave out the mount, or set `login.taken = false` in ~/.coop/agents/NAME.toml"
                : "leave out the mount, or the grant: coop grant list")
    }

    private func mounts(workspace: Workspace) throws(CoopError) -> [Mount] {
        var result: [Mount] = []
        for setting in configuration.effective.sandbox.mounts {
            let mount = try self.mount(setting, workspace: workspace)
            if let other = result.first(where: { $0.target == mount.target }) {
                throw CoopError(
                    .usage, "cannot mount two things at \(mount.target.printable)",
                    "\(other.source.printable) (\(other.reason)) and \(mount.source.printable) (\(mount.reason))",
                    next: "give one of them another GUEST: --mount HOST:GUEST")
            }
            result.append(mount)
        }
        return result
    }

    private func mount(_ setting: Setting<MountSetting>, workspace: Workspace) throws(CoopError) -> Mount {
        let origin = setting.origin.description
        let base = setting.origin.layer.isRepository ? project.root : context.currentDirectory
        var host = setting.value.host
        if host == "~" { host = context.home.userHome }
        if host.hasPrefix("~/") { host = FileSystem.join(context.home.userHome, String(host.dropFirst(2))) }
        let path = FileSystem.normalize(FileSystem.join(base, host))
        guard let source = FileSystem.realPath(path), let kind = FileSystem.kind(source) else {
            throw CoopError(
                .notFound, "cannot mount \(host.printable)", "nothing is there (\(origin))",
                next: "check the path, or make it: mkdir -p \(path.shellQuoted)")
        }
        guard kind == .directory || kind == .file else {
            throw CoopError(
                .refused, "cannot mount \(host.printable)", "it is neither a file nor a directory (\(origin))",
                next: "mount a file or a directory")
        }
        let target = FileSystem.normalize(setting.value.guest ?? path)
        if FileSystem.contains(source, context.home.path) || FileSystem.contains(context.home.path, source) {
            throw CoopError(
                .refused, "cannot mount \(host.printable)", "it holds coop's own directory, with secrets and approvals (\(origin))",
                next: "mount a directory that does not contain \(context.home.path.printable)")
        }
        if source == "/" || ["/proc", "/sys", "/dev"].contains(where: { FileSystem.contains($0, source) }) {
            throw CoopError(
                .refused, "cannot mount \(host.printable)", "it would show the whole host, or the kernel's own files (\(origin))",
                next: "mount the directory that the command needs")
        }
        let exact = SpecBuilder.systemDirectories + [context.home.userHome, workspace.path, "/etc", "/tmp", "/var", "/run", "/home"]
        let below = ["/proc", "/dev", "/sys", "/run/coop"]
        if target == "/" || exact.contains(target) || below.contains(where: { FileSystem.contains($0, target) })
            || FileSystem.contains(target, workspace.path) || FileSystem.contains(target, context.home.userHome)
        {
            throw CoopError(
                .refused, "cannot mount something at \(target.printable)", "the sandbox has a directory of its own there (\(origin))",
                next: "choose another GUEST: --mount \(host.printable):/mnt/NAME")
        }
        return Mount(source: source, target: target, readOnly: setting.value.isReadOnly, isDirectory: kind == .directory, reason: origin)
    }

    /// Directories are replaced by empty ones, files are covered by an empty one.
    private func excludes(workspace: Workspace) throws(CoopError) -> (directories: [String], files: [Protection]) {
        var result: [String] = []
        var files: [Protection] = []
        for setting in configuration.effective.sandbox.excludes {
            let path = FileSystem.normalize(FileSystem.join(task?.root ?? workspace.path, setting.value))
            guard path != workspace.path, FileSystem.contains(workspace.path, path),
                !FileSystem.components(of: setting.value).contains("..")
            else {
                throw CoopError(
                    .configuration, "cannot exclude \(setting.value.printable)", "it is not a directory in the project (\(setting.origin))",
                    next: "name a directory of the project: node_modules")
            }
            if result.contains(path) || files.contains(where: { $0.path == path }) { continue }
            guard workspace.isShown else {
                result.append(path)
                continue
            }
            var place = workspace.path
            for name in path.dropFirst(place.utf8.count).split(separator: "/").map(String.init) {
                place = FileSystem.join(place, name)
                switch FileSystem.kind(place, followLinks: false) {
                case .directory, nil: continue
                case .symlink:
                    throw CoopError(
                        .configuration, "cannot exclude \(setting.value.printable)",
                        "\(place.printable) is a symbolic link (\(setting.origin))",
                        next: "name what the link leads to: \((FileSystem.readLink(place) ?? "").printable)")
                default:
                    guard place == path else {
                        throw CoopError(
                            .configuration, "cannot exclude \(setting.value.printable)",
                            "\(place.printable) is no directory (\(setting.origin))",
                            next: "name a directory or a file of the project: node_modules")
                    }
                    files.append(Protection(path: path, form: .masked, reason: "excluded (\(setting.origin))"))
                }
            }
            if files.last?.path != path { result.append(path) }
        }
        return (result, files)
    }

    /// A unix socket can be connected to through any mount, read-only or not; those of the host are covered.
    private func hostSockets(workspace: Workspace, mounts: [Mount]) throws(CoopError) -> [Protection] {
        let text: [UInt8]
        do { text = try FileSystem.read("/proc/net/unix") } catch {
            throw CoopError(.failed, "cannot list the host's unix sockets", "\(error)", next: "coop doctor")
        }
        var trees = mounts.map { ($0.source, $0.target) }
        if workspace.isShown { trees.append((workspace.path, workspace.path)) }
        var result: [Protection] = []
        var paths: [String] = []
        var relativeNames: Set<String> = []
        for line in text.split(separator: UInt8(ascii: "\n")).dropFirst() {
            // Num RefCount Protocol Flags Type St Inode Path (proc_net(5)); abstract names begin with @.
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 7, omittingEmptySubsequences: true)
            guard fields.count == 8, let first = fields[7].first, first != UInt8(ascii: "@") else { continue }
            let path = String(osBytes: fields[7])
            if first == UInt8(ascii: "/") { paths.append(path) } else { relativeNames.insert(FileSystem.lastComponent(of: path)) }
        }
        // The kernel keeps the name as it was bound: `tmp/sockets/puma.sock` says nothing about where that is.
        if !relativeNames.isEmpty {
            for (source, _) in trees where FileSystem.kind(source) == .directory {
                SpecBuilder.findSockets(in: source, named: relativeNames, into: &paths)
            }
        }
        for path in paths {
            for (source, target) in trees {
                guard let relative = FileSystem.relative(path, to: source), !relative.isEmpty else { continue }
                let inside = FileSystem.join(target, relative)
                if !result.contains(where: { $0.path == inside }) {
                    result.append(Protection(path: inside, form: .masked, reason: "a socket of the host"))
                }
            }
        }
        return result
    }

    /// Adds the sockets below a directory that have one of these names. What cannot be read by the user cannot be reached
    /// from inside either.
    private static func findSockets(in directory: String, named names: Set<String>, into paths: inout [String]) {
        for (name, kind) in (try? FileSystem.entries(directory)) ?? [] {
            let path = FileSystem.join(directory, name)
            if kind == .directory {
                findSockets(in: path, named: names, into: &paths)
            } else if kind == .socket, names.contains(name) {
                paths.append(path)
            }
        }
    }
}
