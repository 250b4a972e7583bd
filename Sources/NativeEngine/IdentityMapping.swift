import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// Writes the id maps of a new user namespace (user_namespaces(7)): the user as himself, and the warden as a subordinate id
/// where there is one.
final class IdentityMapping {
    private let users: UserMapping
    private let process: pid_t
    /// newuidmap(1) and newgidmap(1), as long as they are at work.
    private var tools: [Tool] = []

    /// A program that is at work, and what it was started with.
    private struct Tool {
        var pid: pid_t
        var name: String
        var memory: UnsafeMutableRawPointer
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

        func free() {
            memory.deallocate()
            var pointer = arguments
            while let argument = pointer.pointee {
                Glibc.free(argument)
                pointer += 1
            }
            arguments.deallocate()
        }
    }

    /// Begins to write the maps of `process`.
    init(_ users: UserMapping, of process: pid_t) throws(CoopError) {
        self.users = users
        self.process = process
        let directory = "/proc/\(process)"
        guard users.separatesWarden, let userRange = users.subordinateUsers, let groupRange = users.subordinateGroups else {
            if !users.isRoot { try write("deny", to: directory + "/setgroups") }
            try write("\(users.user) \(users.user) 1", to: directory + "/uid_map")
            try write("\(users.group) \(users.group) 1", to: directory + "/gid_map")
            return
        }
        let warden = users.wardenIdentity
        let userMap = [[warden.user, userRange.first, 1], [users.user, users.user, 1]]
        let groupMap = [[warden.group, groupRange.first, 1], [users.group, users.group, 1]]
        if users.isRoot {
            try write(IdentityMapping.lines(userMap), to: directory + "/uid_map")
            try write(IdentityMapping.lines(groupMap), to: directory + "/gid_map")
            return
        }
        // Both set-user-id tools at the same time: each costs about a millisecond.
        for (name, map) in [("newuidmap", userMap), ("newgidmap", groupMap)] {
            tools.append(try run("/usr/bin/", name, [String(process)] + map.flatMap { $0.map(String.init) }))
        }
    }

    /// Whether the maps are written by now.
    ///
    /// - Parameter waiting: wait until they are.
    func isComplete(waiting: Bool) throws(CoopError) -> Bool {
        while let tool = tools.last {
            guard try wait(for: tool.pid, tool.name, waiting: waiting) else { return false }
            tools.removeLast().free()
        }
        return true
    }

    /// Waits for what is still at work; nobody needs the process any more.
    func abandon() {
        var status: Int32 = 0
        for tool in tools {
            while waitpid(tool.pid, &status, 0) < 0 && errno == EINTR {}
            tool.free()
        }
        tools = []
    }

    private static func lines(_ map: [[UInt32]]) -> String {
        map.map { $0.map(String.init).joined(separator: " ") }.joined(separator: "\n")
    }

    private func write(_ text: String, to path: String) throws(CoopError) {
        do {
            try Descriptor.open(path, O_WRONLY).writeAll(text.utf8, subject: path)
        } catch {
            throw CoopError(.notReady, "cannot map the user into the sandbox", error.description, next: "coop doctor")
        }
    }

    private func run(_ directory: String, _ name: String, _ arguments: [String]) throws(CoopError) -> Tool {
        let words = ([directory + name] + arguments).map { argument in argument.withOSBytes { strdup($0) } }
        let argv = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
        // The empty environment is the end of the arguments: one null pointer.
        for (index, word) in words.enumerated() { (argv + index).initialize(to: word) }
        (argv + words.count).initialize(to: nil)
        let size = 1 << 16
        var tool = Tool(pid: -1, name: name, memory: .allocate(byteCount: size, alignment: 16), arguments: argv)
        tool.pid = coop_spawn_tool(argv[0], argv, argv + words.count, tool.memory, size)
        guard tool.pid > 0 else {
            let number = errno
            tool.free()
            throw CoopError(
                .notReady, "cannot run \(directory)\(name)", SystemError.text(for: number), next: "apt-get install uidmap")
        }
        return tool
    }

    /// - Returns: whether it has ended; it must have ended well.
    private func wait(for pid: pid_t, _ name: String, waiting: Bool) throws(CoopError) -> Bool {
        var status: Int32 = 0
        var found: pid_t
        repeat { found = waitpid(pid, &status, waiting ? 0 : WNOHANG) } while found < 0 && errno == EINTR
        if found == 0 { return false }
        if coop_wifexited(status) != 0, coop_wexitstatus(status) == 127 {
            throw CoopError(.notReady, "cannot map subordinate ids", "\(name) cannot be run", next: "apt-get install uidmap")
        }
        guard coop_wifexited(status) != 0, coop_wexitstatus(status) == 0 else {
            throw CoopError(
                .notReady, "cannot map subordinate ids", "\(name) refused; its message is above",
                next: "check /etc/subuid and /etc/subgid, or remove the user's lines there")
        }
        return true
    }
}
