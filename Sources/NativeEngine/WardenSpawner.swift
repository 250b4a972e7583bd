import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import WardenProtocol

/// Starts the warden in new namespaces and gives it its identity.
struct WardenSpawner {
    let wardenPath: String
    let facts: HostFacts
    let plan: LaunchPlan

    /// A warden that waits for its plan.
    struct Warden {
        var pid: Int32
        var channel: FrameChannel
    }

    /// CLONE_NEW* of clone(2), by the name in /proc/self/ns.
    static let namespaceFlags: [(name: String, flag: UInt64)] = [
        ("user", 0x1000_0000), ("mnt", 0x0002_0000), ("pid", 0x2000_0000), ("net", 0x4000_0000), ("ipc", 0x0800_0000),
        ("uts", 0x0400_0000), ("cgroup", 0x0200_0000), ("time", 0x80),
    ]

    /// - Parameter beforeStart: called with the new process before it does anything: the time to put it into a cgroup.
    func spawn(beforeStart: (Int32) throws -> Void) throws -> Warden {
        guard FileSystem.isExecutable(wardenPath) else {
            throw CoopError(
                .notReady, "cannot find the warden", "\(wardenPath.printable) is not an executable file",
                next: "make install, or set COOP_WARDEN to the path of coop-warden")
        }
        var sockets: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &sockets) }
        let ours = Descriptor(owning: sockets[0])
        let theirs = Descriptor(owning: sockets[1])
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        let syncReader = Descriptor(owning: ends[0])
        let syncWriter = Descriptor(owning: ends[1])

        var pidfd: Int32 = -1
        let pid = start(channel: theirs, sync: syncReader, pidfd: &pidfd)
        guard pid > 0 else { throw spawnFailure(SystemError("clone3")) }
        let handle = Descriptor(owning: pidfd)
        do {
            try mapIdentities(of: pid)
            try beforeStart(pid)
            try syncWriter.writeAll([UInt8(ascii: "g")], subject: "warden")
        } catch {
            coop_pidfd_send_signal(handle.number, SIGKILL)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            throw error
        }
        return Warden(pid: pid, channel: FrameChannel(ours, limit: 1 << 20))
    }

    private func start(channel: Descriptor, sync: Descriptor, pidfd: inout Int32) -> pid_t {
        var flags: UInt64 = 0
        for (name, flag) in WardenSpawner.namespaceFlags where facts.namespaces.contains(name) { flags |= flag }
        let argv: [UnsafeMutablePointer<CChar>?] = [strdup("coop-warden"), nil]
        // Nothing of the caller's environment reaches the sandbox; the plan and the requests carry what does.
        let envp: [UnsafeMutablePointer<CChar>?] = [nil]
        defer { free(argv[0]) }
        return argv.withUnsafeBufferPointer { arguments in
            envp.withUnsafeBufferPointer { environment in
                wardenPath.withOSBytes { program in
                    var request = coop_spawn(
                        clone_flags: flags, cgroup: -1, channel: channel.number, sync: sync.number, program: program,
                        uid: plan.warden.user, gid: plan.warden.group, drop_groups: facts.separatesWarden || facts.isRoot ? 1 : 0,
                        argv: arguments.baseAddress, envp: environment.baseAddress)
                    return coop_spawn_namespaced(&request, &pidfd)
                }
            }
        }
    }

    /// In the words of `coop doctor`, where it recognises the reason: whoever sees this wants the remedy, not a second command.
    private func spawnFailure(_ error: SystemError) -> CoopError {
        guard [EPERM, EACCES, ENOSPC].contains(error.errno) else {
            return CoopError(.failed, "cannot start the sandbox", error.description, next: "coop doctor")
        }
        let findings = Diagnosis.recognise(facts: facts, conditions: .read(), refusal: error.errno)
        guard let finding = findings.first(where: { $0.severity == .blocking }) else {
            return CoopError(.notReady, "cannot make a user namespace", "the kernel refuses it to this user (\(error.reason))", next: "coop doctor")
        }
        return CoopError(.notReady, "cannot make a user namespace", finding.why, next: finding.fix)
    }

    // MARK: - Identity

    /// Writes the id maps (user_namespaces(7)): the user as himself, and the warden as a subordinate id where there is one.
    private func mapIdentities(of pid: Int32) throws {
        let process = "/proc/\(pid)"
        guard facts.separatesWarden, let users = facts.subordinateUsers, let groups = facts.subordinateGroups else {
            if !facts.isRoot { try write("deny", to: process + "/setgroups") }
            try write("\(facts.user) \(facts.user) 1", to: process + "/uid_map")
            try write("\(facts.group) \(facts.group) 1", to: process + "/gid_map")
            return
        }
        let userMap = [[plan.warden.user, users.first, 1], [facts.user, facts.user, 1]]
        let groupMap = [[plan.warden.group, groups.first, 1], [facts.group, facts.group, 1]]
        if facts.isRoot {
            try write(userMap.map { $0.map(String.init).joined(separator: " ") }.joined(separator: "\n"), to: process + "/uid_map")
            try write(groupMap.map { $0.map(String.init).joined(separator: " ") }.joined(separator: "\n"), to: process + "/gid_map")
            return
        }
        // Both set-user-id tools at the same time: each costs about a millisecond.
        let first = try run("/usr/bin/newuidmap", [String(pid)] + userMap.flatMap { $0.map(String.init) })
        let second = try run("/usr/bin/newgidmap", [String(pid)] + groupMap.flatMap { $0.map(String.init) })
        try wait(for: first, "newuidmap")
        try wait(for: second, "newgidmap")
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

    private func wait(for pid: pid_t, _ name: String) throws(CoopError) {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        guard coop_wifexited(status) != 0, coop_wexitstatus(status) == 0 else {
            throw CoopError(
                .notReady, "cannot map subordinate ids", "\(name) refused; its message is above",
                next: "check /etc/subuid and /etc/subgid, or remove the user's lines there")
        }
    }
}
