import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import WardenProtocol

/// Starts the warden in new namespaces and gives it its identity.
///
/// Nothing of this depends on the spec, so it begins before the command line is even parsed: the kernel makes the namespaces,
/// and the warden's program starts and does what every plan begins with, on another processor while coop reads its
/// configuration. Without the rest of its plan the warden starts nothing, and it ends when this object or this process goes
/// away.
public final class WardenStart {
    let facts: HostFacts
    let pid: Int32
    /// The identity it has inside.
    let identity: Identity
    /// What it has been told to do already.
    let beginning: LaunchPlan?
    private let channel: FrameChannel
    private let handle: Descriptor
    private let syncWriter: Descriptor
    /// Our copy of the warden's end: a write never meets a closed pipe.
    private let syncReader: Descriptor
    private var mapping: Mapping
    private var isHandedOver = false

    private enum Mapping {
        /// newuidmap(1) and newgidmap(1) are at work.
        case running([(pid: pid_t, name: String)])
        case done
    }

    /// Namespaces that the child makes by itself, beside this process: they take the kernel longest.
    private static let late = ["net", "mnt"]

    /// CLONE_NEW* of clone(2), by the name in /proc/self/ns.
    static let namespaceFlags: [(name: String, flag: UInt64)] = [
        ("user", 0x1000_0000), ("mnt", 0x0002_0000), ("pid", 0x2000_0000), ("net", 0x4000_0000), ("ipc", 0x0800_0000),
        ("uts", 0x0400_0000), ("cgroup", 0x0200_0000), ("time", 0x80),
    ]

    /// Starts a warden from the program at `wardenPath`.
    public convenience init(wardenPath: String) throws {
        var facts = try HostFacts.probe()
        #if COOP_TEST_HOOKS
            facts = TestOmission.apply(to: facts)
        #endif
        var beginning = LaunchPlanner.beginning(facts: facts)
        #if COOP_TEST_HOOKS
            beginning = TestOmission.apply(to: beginning)
        #endif
        try self.init(wardenPath: wardenPath, facts: facts, beginning: beginning)
    }

    /// - Parameters:
    ///   - beginning: what the plan will begin with, if that is known before the plan.
    ///   - holdsBack: keep the new process as it is, with this process's own user, until it is handed over.
    init(wardenPath: String, facts: HostFacts, beginning: LaunchPlan? = nil, holdsBack: Bool = false) throws {
        guard FileSystem.isExecutable(wardenPath) else {
            throw CoopError(
                .notReady, "cannot find the warden", "\(wardenPath.printable) is not an executable file",
                next: "make install")
        }
        self.facts = facts
        self.beginning = beginning
        identity = LaunchPlanner.wardenIdentity(facts: facts)
        var sockets: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &sockets) }
        channel = FrameChannel(Descriptor(owning: sockets[0]), limit: 1 << 20)
        let theirs = Descriptor(owning: sockets[1])
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        syncReader = Descriptor(owning: ends[0])
        syncWriter = Descriptor(owning: ends[1])
        var pidfd: Int32 = -1
        pid = WardenStart.clone(
            wardenPath: wardenPath, facts: facts, identity: identity, channel: theirs, sync: (syncReader, syncWriter), pidfd: &pidfd)
        guard pid > 0 else { throw WardenStart.spawnFailure(SystemError("clone3"), facts: facts) }
        handle = Descriptor(owning: pidfd)
        mapping = .done
        // It fits into the socket's buffer, where the program finds it when it begins.
        if let beginning { try channel.sendIfOpen(.prepare(beginning)) }
        mapping = try mapIdentities()
        if !holdsBack { try advance() }
    }

    deinit { if !isHandedOver { end() } }

    /// Lets the warden's program begin if its identity is complete by now. Does not wait.
    public func advance() throws { try proceed(waiting: false) }

    /// Gives the warden its plan, which begins with `beginning`, and hands it over to whoever talks to it from now on.
    func handOver(_ plan: LaunchPlan) throws -> (pid: Int32, channel: FrameChannel) {
        try proceed(waiting: true)
        var rest = plan
        rest.operations.removeFirst(beginning?.operations.count ?? 0)
        // `ready` or `failed` is not waited for: it comes while the command is being prepared. A warden that could not even
        // start has left its reason in the stream.
        try channel.sendIfOpen(.plan(rest))
        isHandedOver = true
        return (pid, channel)
    }

    private func proceed(waiting: Bool) throws {
        guard case .running(var tools) = mapping else { return }
        while let tool = tools.last {
            guard try wait(for: tool.pid, tool.name, waiting: waiting) else { return }
            tools.removeLast()
            mapping = .running(tools)
        }
        mapping = .done
        // If it has failed before this, its reason is in the stream.
        try syncWriter.writeAll([UInt8(ascii: "g")], subject: "warden")
    }

    private func end() {
        coop_pidfd_send_signal(handle.number, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        guard case .running(let tools) = mapping else { return }
        for tool in tools { while waitpid(tool.pid, &status, 0) < 0 && errno == EINTR {} }
    }

    private static func clone(
        wardenPath: String, facts: HostFacts, identity: Identity, channel: Descriptor, sync: (reader: Descriptor, writer: Descriptor),
        pidfd: inout Int32
    ) -> pid_t {
        var flags: UInt64 = 0
        var lateFlags: UInt64 = 0
        for (name, flag) in namespaceFlags where facts.namespaces.contains(name) {
            if late.contains(name) { lateFlags |= flag } else { flags |= flag }
        }
        let argv: [UnsafeMutablePointer<CChar>?] = [strdup("coop-warden"), nil]
        // Nothing of the caller's environment reaches the sandbox; the plan and the requests carry what does.
        let envp: [UnsafeMutablePointer<CChar>?] = [nil]
        defer { free(argv[0]) }
        return argv.withUnsafeBufferPointer { arguments in
            envp.withUnsafeBufferPointer { environment in
                wardenPath.withOSBytes { program in
                    var request = coop_spawn(
                        clone_flags: flags, unshare_flags: Int32(lateFlags), cgroup: -1, channel: channel.number, sync: sync.reader.number,
                        sync_writer: sync.writer.number, program: program, uid: identity.user, gid: identity.group,
                        drop_groups: mayDropGroups(facts) ? 1 : 0, argv: arguments.baseAddress, envp: environment.baseAddress)
                    return coop_spawn_namespaced(&request, &pidfd)
                }
            }
        }
    }

    /// Who is root only inside a user namespace of an ordinary user may not change groups (user_namespaces(7)): there they stay,
    /// as they do without subordinate ids.
    private static func mayDropGroups(_ facts: HostFacts) -> Bool {
        guard facts.separatesWarden || facts.isRoot else { return false }
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

    // MARK: - Identity

    /// Writes the id maps (user_namespaces(7)): the user as himself, and the warden as a subordinate id where there is one.
    private func mapIdentities() throws -> Mapping {
        let process = "/proc/\(pid)"
        guard facts.separatesWarden, let users = facts.subordinateUsers, let groups = facts.subordinateGroups else {
            if !facts.isRoot { try write("deny", to: process + "/setgroups") }
            try write("\(facts.user) \(facts.user) 1", to: process + "/uid_map")
            try write("\(facts.group) \(facts.group) 1", to: process + "/gid_map")
            return .running([])
        }
        let userMap = [[identity.user, users.first, 1], [facts.user, facts.user, 1]]
        let groupMap = [[identity.group, groups.first, 1], [facts.group, facts.group, 1]]
        if facts.isRoot {
            try write(userMap.map { $0.map(String.init).joined(separator: " ") }.joined(separator: "\n"), to: process + "/uid_map")
            try write(groupMap.map { $0.map(String.init).joined(separator: " ") }.joined(separator: "\n"), to: process + "/gid_map")
            return .running([])
        }
        // Both set-user-id tools at the same time: each costs about a millisecond.
        let first = try run("/usr/bin/newuidmap", [String(pid)] + userMap.flatMap { $0.map(String.init) })
        mapping = .running([(first, "newuidmap")])
        let second = try run("/usr/bin/newgidmap", [String(pid)] + groupMap.flatMap { $0.map(String.init) })
        return .running([(first, "newuidmap"), (second, "newgidmap")])
    }

    private func write(_ text: String, to path: String) throws(CoopError) {
        do {
            try Descriptor.open(path, O_WRONLY).writeAll(text.utf8, subject: path)
        } catch {
            throw CoopError(.notReady, "cannot map the user into the sandbox", error.description, next: "coop doctor")
        }
    }

    private func run(_ program: String, _ arguments: [String]) throws(CoopError) -> pid_t {
        var argv = ([program] + arguments).map { argument in argument.withOSBytes { strdup($0) } } as [UnsafeMutablePointer<CChar>?]
        argv.append(nil)
        defer { for pointer in argv { free(pointer) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var pid: pid_t = 0
        let code = posix_spawn(&pid, program, nil, nil, argv, &environment)
        guard code == 0 else {
            throw CoopError(.notReady, "cannot run \(program)", SystemError.text(for: code), next: "apt-get install uidmap")
        }
        return pid
    }

    /// - Returns: whether it has ended; it must have ended well.
    private func wait(for pid: pid_t, _ name: String, waiting: Bool) throws(CoopError) -> Bool {
        var status: Int32 = 0
        var found: pid_t
        repeat { found = waitpid(pid, &status, waiting ? 0 : WNOHANG) } while found < 0 && errno == EINTR
        if found == 0 { return false }
        guard coop_wifexited(status) != 0, coop_wexitstatus(status) == 0 else {
            throw CoopError(
                .notReady, "cannot map subordinate ids", "\(name) refused; its message is above",
                next: "check /etc/subuid and /etc/subgid, or remove the user's lines there")
        }
        return true
    }
}
