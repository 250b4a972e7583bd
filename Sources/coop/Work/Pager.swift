import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Projects

/// What long output is read with at a terminal. The user's environment chooses it, never a file of a repository.
enum Pager {
    /// The command, for a shell: COOP_PAGER, GIT_PAGER or PAGER, else `less`; nil where there is none or none is wanted.
    static func command(environment: (String) -> String? = environmentVariable) -> String? {
        for name in ["COOP_PAGER", "GIT_PAGER", "PAGER"] {
            guard let value = environment(name) else { continue }
            return value.isEmpty || value == "cat" ? nil : value
        }
        let directories = (environment("PATH") ?? "/usr/bin:/bin").split(separator: ":").map(String.init)
        guard directories.contains(where: { $0.hasPrefix("/") && FileSystem.isExecutable(FileSystem.join($0, "less")) }) else { return nil }
        return "less -FRX"
    }

    /// Runs `body` with standard output led into the pager, where there is a terminal and one is wanted. A pager that ends early ends coop, with 0.
    static func run(_ body: () throws -> Void) throws {
        guard isatty(1) == 1, let command = command() else { return try body() }
        var ends: [Int32] = [0, 0]
        guard coop_pipe(&ends) == 0 else { return try body() }
        let reading = Descriptor(owning: ends[0])
        var writing: Descriptor? = Descriptor(owning: ends[1])
        let terminal = try Descriptor(owning: check("dup") { fcntl(1, F_DUPFD_CLOEXEC, 3) })

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, reading.number, 0)
        // As git does: less ends by itself where everything fits on the screen, and shows colours.
        let variables = ProcessEnvironment.variables(adding: [("LESS", "FRX"), ("LV", "-c")])
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { $0.withOSBytes { strdup($0) } } + [nil]
        var argv: [UnsafeMutablePointer<CChar>?] = ["/bin/sh", "-c", command].map { $0.withOSBytes { strdup($0) } } + [nil]
        defer { for pointer in environment + argv { free(pointer) } }
        var child: pid_t = 0
        guard posix_spawn(&child, "/bin/sh", &actions, nil, &argv, &environment) == 0 else { return try body() }
        // Ctrl-C is the pager's, and whoever closes it has read enough.
        signal(SIGINT, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        fflush(nil)
        dup2(ends[1], 1)
        writing = nil
        let result = Result { try body() }
        fflush(nil)
        // The pager sees the end of its input.
        dup2(terminal.number, 1)
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        _ = writing
        try result.get()
    }
}

/// The environment of coop's own process.
private enum ProcessEnvironment {
    /// `NAME=value` for each, with those added that are not there.
    static func variables(adding defaults: [(name: String, value: String)]) -> [String] {
        var result: [String] = []
        var pointer = environ
        while let entry = pointer.pointee {
            result.append(String(osBytes: entry))
            pointer += 1
        }
        for (name, value) in defaults where !result.contains(where: { $0.hasPrefix(name + "=") }) { result.append("\(name)=\(value)") }
        return result
    }
}
