import CLinux
import Glibc
import LinuxKernel

/// A program run on the host without a shell: an argument vector, an environment built from nothing, three descriptors.
///
/// What it reads and writes goes through files in memory (memfd_create(2)) rather than pipes: nothing can block on a full pipe,
/// and no SIGPIPE can reach coop.
package struct HostProcess {
    /// How a process ended.
    package enum Status: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)

        package var isSuccess: Bool { self == .exited(0) }
    }

    /// What a finished process left.
    package struct Outcome: Sendable {
        package var status: Status
        package var output: [UInt8]
        package var errors: [UInt8]
    }

    /// Bounds of one process (setrlimit(2)); they hold for whatever it starts too.
    package struct Limits: Sendable {
        /// Bytes of private memory (RLIMIT_DATA), nil for the inherited limit.
        package var memory: UInt64?
        /// Bytes of one written file (RLIMIT_FSIZE).
        package var fileSize: UInt64?
        /// Bytes kept of standard output; more is an error.
        package var output: Int = 64 << 20
        /// Milliseconds until the process is killed.
        package var timeout: Int = 600_000

        package init(memory: UInt64? = nil, fileSize: UInt64? = nil, output: Int = 64 << 20, timeout: Int = 600_000) {
            self.memory = memory
            self.fileSize = fileSize
            self.output = output
            self.timeout = timeout
        }
    }

    /// Bytes kept of what a process complains of.
    private static let mostErrors = 1 << 20

    private let process: pid_t
    private let handle: Descriptor
    private let output: Descriptor?
    private let errors: Descriptor
    private let limits: Limits
    private let name: String

    /// Starts `executable` with `arguments` (without the name itself).
    ///
    /// - Parameters:
    ///   - environment: `NAME=value`, all of it.
    ///   - input: standard input; nil is empty.
    ///   - output: standard output; nil is collected.
    static func start(
        _ executable: String, _ arguments: [String], environment: [String], directory: String = "/", input: Descriptor? = nil,
        output: Descriptor? = nil, limits: Limits = Limits()
    ) throws(SystemError) -> HostProcess {
        let input = if let input { input } else { try memoryFile([]) }
        let collected = output == nil ? try boundedFile(limits.output) : nil
        let errors = try boundedFile(HostProcess.mostErrors)

        var actions = posix_spawn_file_actions_t()
        try code("posix_spawn_file_actions_init", posix_spawn_file_actions_init(&actions))
        defer { posix_spawn_file_actions_destroy(&actions) }
        // A descriptor that is already 0, 1 or 2 would be overwritten by an earlier dup2: all are first moved out of the way.
        let sources = try [input, output ?? collected ?? errors, errors].map { source throws(SystemError) in try source.duplicate() }
        for (target, source) in sources.enumerated() {
            try code("posix_spawn", posix_spawn_file_actions_adddup2(&actions, source.number, Int32(target)))
        }
        try code("posix_spawn", clinux_spawn_close_from(&actions, 3))
        try code("posix_spawn", directory.withOSBytes { clinux_spawn_directory(&actions, $0) })

        var attributes = posix_spawnattr_t()
        try code("posix_spawnattr_init", posix_spawnattr_init(&attributes))
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A group of its own: Ctrl-C at the terminal must not stop an import half-way.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETPGROUP))

        var process: pid_t = 0
        // The actions hold numbers only: without this an optimised build closes the descriptors after their last mention.
        let result = withExtendedLifetime(sources) {
            withCStrings([executable] + arguments) { argv in
                withCStrings(environment) { environment in
                    executable.withOSBytes { posix_spawn(&process, $0, &actions, &attributes, argv, environment) }
                }
            }
        }
        try code("posix_spawn", result, executable)
        // posix_spawn(3) has no attribute for limits; loading a program takes longer than these calls. A process that is gone
        // already needs none.
        if let memory = limits.memory { _ = clinux_limit(process, Int32(RLIMIT_DATA.rawValue), memory) }
        if let size = limits.fileSize { _ = clinux_limit(process, Int32(RLIMIT_FSIZE.rawValue), size) }
        let handle = clinux_pidfd_open(process)
        guard handle >= 0 else {
            let failure = errno
            kill(process, SIGKILL)
            var status: Int32 = 0
            waitpid(process, &status, 0)
            throw SystemError("pidfd_open", executable, errno: failure)
        }
        return HostProcess(
            process: process, handle: Descriptor(owning: handle), output: collected, errors: errors, limits: limits, name: executable)
    }

    /// Waits for the end, or kills the process group when its time is over (`ETIMEDOUT`).
    func wait() throws(SystemError) -> Outcome {
        var poller = pollfd(fd: handle.number, events: Int16(POLLIN), revents: 0)
        let end = HostProcess.milliseconds() + limits.timeout
        var late = false
        while true {
            let left = end - HostProcess.milliseconds()
            let ready = left > 0 ? poll(&poller, 1, Int32(clamping: left)) : 0
            if ready > 0 { break }
            if ready == 0 {
                late = true
                kill(-process, SIGKILL)
                break
            }
            if errno != EINTR { throw SystemError("poll", name) }
        }
        var status: Int32 = 0
        try check("waitpid", name) { waitpid(process, &status, 0) }
        if late { throw SystemError("wait", name, errno: ETIMEDOUT) }
        let signal = status & 0x7F
        let ending: Status = signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
        let collected = try output.map { descriptor throws(SystemError) in try contents(descriptor) } ?? []
        if collected.count >= limits.output { throw SystemError("read", name, errno: EFBIG) }
        return Outcome(
            status: ending, output: collected,
            errors: try contents(errors))
    }

    /// Runs a program to its end.
    static func run(
        _ executable: String, _ arguments: [String], environment: [String], directory: String = "/", input: [UInt8] = [],
        limits: Limits = Limits()
    ) throws(SystemError) -> Outcome {
        try start(
            executable, arguments, environment: environment, directory: directory, input: try memoryFile(input), limits: limits
        ).wait()
    }

    /// A file in memory, positioned at its start.
    static func memoryFile(_ bytes: [UInt8]) throws(SystemError) -> Descriptor {
        let file = Descriptor(owning: try check("memfd_create") { clinux_memory_file("coop") })
        if !bytes.isEmpty {
            try file.writeAll(bytes)
            lseek(file.number, 0, SEEK_SET)
        }
        return file
    }

    /// A file in memory for what a process writes, in which there is room for so many bytes: more cannot be written.
    private static func boundedFile(_ size: Int) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check("memfd_create") { clinux_bounded_memory_file("coop", Int64(size)) })
    }

    /// What was written: the offset is shared with the writer.
    private func contents(_ file: Descriptor) throws(SystemError) -> [UInt8] {
        try FileBytes.read(file, count: max(0, Int(lseek(file.number, 0, SEEK_CUR))), subject: name)
    }

    /// Of CLOCK_MONOTONIC.
    static func milliseconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }

    /// The posix_spawn functions return the error number instead of setting errno.
    private static func code(_ call: String, _ number: Int32, _ subject: String = "") throws(SystemError) {
        if number != 0 { throw SystemError(call, subject, errno: number) }
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { $0.withOSBytes { strdup($0) } }
        defer { for pointer in pointers { free(pointer) } }
        pointers.append(nil)
        return body(pointers)
    }
}
