import CLinux
import Glibc
import LinuxKernel
import Synchronization

/// A program that a test runs: its streams are collected, and it never outlives its deadline.
public final class ChildProcess {
    /// Where standard input comes from.
    public enum Input: Sendable {
        case null
        case bytes([UInt8])
        /// A pipe that stays open for `send`.
        case pipe
        /// A descriptor of the test's own.
        case descriptor(Int32)
        /// A terminal of its own on all three streams.
        case terminal(rows: UInt16, columns: UInt16)
        /// Closed.
        case closed
    }

    /// How the program ended and what it wrote.
    public struct Outcome: Sendable, CustomStringConvertible {
        /// The exit code, or 128+n when signal n ended it.
        public var exitCode: Int32
        /// The signal that ended it; 0 for none.
        public var signal: Int32
        public var outputBytes: [UInt8]
        public var errorBytes: [UInt8]
        /// The deadline passed, and the test killed it.
        public var timedOut: Bool

        public var output: String { String(decoding: outputBytes, as: UTF8.self) }
        public var error: String { String(decoding: errorBytes, as: UTF8.self) }
        public var description: String { "exit \(exitCode)\(timedOut ? " after the deadline" : "")\n--- out\n\(output)\n--- err\n\(error)" }
    }

    public let pid: pid_t
    private let handle: Descriptor
    private var input: Descriptor?
    private var pendingInput: [UInt8]
    private var closesInput: Bool
    private var output: Descriptor?
    private var error: Descriptor?
    /// The master side of its terminal.
    public private(set) var terminal: Descriptor?
    /// What has been read so far; of a terminal, everything it shows.
    public private(set) var outputBytes: [UInt8] = []
    public private(set) var errorBytes: [UInt8] = []
    private var ended: (code: Int32, signal: Int32)?

    /// Runs a program to its end.
    public static func run(
        _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil, input: Input = .null,
        descriptors: [Int32: Int32] = [:], timeout: Double = 120
    ) throws -> Outcome {
        try ChildProcess(arguments, environment: environment, directory: directory, input: input, descriptors: descriptors)
            .wait(timeout: timeout)
    }

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - environment: the whole environment; nil for a plain PATH.
    ///   - descriptors: what else it finds open, by the number it sees.
    ///   - output: descriptors of the test's own for standard output and error.
    public init(
        _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil, input: Input = .null,
        descriptors: [Int32: Int32] = [:], output chosenOutput: Int32? = nil, error chosenError: Int32? = nil
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var theirs: [Descriptor] = []
        pendingInput = []
        closesInput = false

        if case .terminal(let rows, let columns) = input {
            let master = try Descriptor.open("/dev/ptmx", O_RDWR | O_NOCTTY)
            try check("TIOCSPTLCK") { coop_pty_unlock(master.number) }
            try check("TIOCSWINSZ") { coop_set_window(master.number, rows, columns) }
            let peer = Descriptor(owning: try check("TIOCGPTPEER") { coop_pty_peer(master.number, O_RDWR | O_NOCTTY | O_CLOEXEC) })
            guard let name = FileSystem.readLink("/proc/self/fd/\(peer.number)") else { throw SystemError("readlink", "terminal") }
            // A program of another user opens it again by /dev/stdin.
            _ = fchmod(peer.number, 0o666)
            terminal = master
            // Opened by a session leader, it becomes the controlling terminal.
            posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
            posix_spawn_file_actions_adddup2(&actions, 0, 1)
            posix_spawn_file_actions_adddup2(&actions, 0, 2)
        } else {
            switch input {
            case .null: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            case .closed: posix_spawn_file_actions_addclose(&actions, 0)
            case .descriptor(let number): posix_spawn_file_actions_adddup2(&actions, number, 0)
            case .bytes, .pipe, .terminal:
                let (reader, writer) = try ChildProcess.pipe()
                posix_spawn_file_actions_adddup2(&actions, reader.number, 0)
                theirs.append(reader)
                self.input = writer
                if case .bytes(let bytes) = input { (pendingInput, closesInput) = (bytes, true) }
                _ = fcntl(writer.number, F_SETFL, O_NONBLOCK)
            }
            for (target, chosen) in [(Int32(1), chosenOutput), (2, chosenError)] {
                if let chosen {
                    posix_spawn_file_actions_adddup2(&actions, chosen, target)
                    continue
                }
                let (reader, writer) = try ChildProcess.pipe()
                posix_spawn_file_actions_adddup2(&actions, writer.number, target)
                theirs.append(writer)
                if target == 1 { output = reader } else { error = reader }
            }
        }
        // Sources lie far above the targets, so that none overwrites another.
        for (target, source) in descriptors {
            let moved = Descriptor(owning: try check("fcntl") { fcntl(source, F_DUPFD_CLOEXEC, 200) })
            posix_spawn_file_actions_adddup2(&actions, moved.number, target)
            theirs.append(moved)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // SETSID, SETSIGDEF and SETSIGMASK: signals as in a fresh login, and a session of its own to be killed as a whole.
        posix_spawnattr_setflags(&attributes, 0x80 | 0x04 | 0x08)
        var every = sigset_t()
        sigfillset(&every)
        posix_spawnattr_setsigdefault(&attributes, &every)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)

        let environment = environment ?? ["PATH": Sandboxed.path]
        let arguments = (directory.map { ["/usr/bin/env", "--chdir=" + $0] } ?? []) + arguments
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { $0.withOSBytes { strdup($0) } } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { "\($0.key)=\($0.value)".withOSBytes { strdup($0) } } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var child: pid_t = 0
        let code = ChildProcess.spawning.withLock { _ in posix_spawnp(&child, arguments[0], &actions, &attributes, &argv, &envp) }
        guard code == 0 else { throw SystemError("posix_spawn", arguments[0], errno: code) }
        pid = child
        handle = Descriptor(owning: try check("pidfd_open") { coop_pidfd_open(child) })
    }

    deinit {
        if ended == nil {
            kill(-pid, SIGKILL)
            kill(pid, SIGKILL)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        }
    }

    /// Held while a process is started and while a program is written: a child that has not yet executed holds every
    /// descriptor of the test, and a program that is open for writing cannot be executed (ETXTBSY, execve(2)).
    static let spawning = Mutex<Void>(())

    private static func pipe() throws -> (reader: Descriptor, writer: Descriptor) {
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    // MARK: - While it runs

    public var outputText: String { String(decoding: outputBytes, as: UTF8.self) }
    public var errorText: String { String(decoding: errorBytes, as: UTF8.self) }

    /// Writes to its standard input, or types on its terminal.
    public func send(_ text: String) throws {
        if let terminal {
            try terminal.writeAll(text.utf8)
        } else {
            pendingInput += Array(text.utf8)
        }
    }

    /// Ends its standard input.
    public func closeInput() {
        closesInput = true
        if pendingInput.isEmpty { input = nil }
    }

    /// Unless it has ended and its number may be another's.
    public func signal(_ number: Int32) { if ended == nil { kill(pid, number) } }

    /// Closes its terminal's window: the kernel sends SIGHUP to the session.
    public func hangUp() { terminal = nil }

    /// Reads until `condition` holds.
    ///
    /// - Returns: whether it came to hold before the deadline.
    @discardableResult
    public func waitUntil(timeout: Double = 60, _ condition: (ChildProcess) -> Bool) throws -> Bool {
        let (deadline, end) = (Deadline(seconds: timeout), Deadline(seconds: timeout + 10))
        while !condition(self) {
            if ended != nil && output == nil && error == nil && terminal == nil { return condition(self) }
            // Looked at before anything is given up: this thread may not have run for a long time.
            if try !step(milliseconds: 20) && deadline.hasPassed || end.hasPassed { return condition(self) }
        }
        return true
    }

    /// Reads until its output (or terminal) has shown a text.
    @discardableResult
    public func waitForOutput(_ text: String, timeout: Double = 60) throws -> Bool {
        try waitUntil(timeout: timeout) { $0.outputText.contains(text) }
    }

    /// Waits for the end; kills it, and everything in its session, at the deadline.
    public func wait(timeout: Double = 120) throws -> Outcome {
        let deadline = Deadline(seconds: timeout)
        var timedOut = false
        while ended == nil {
            if deadline.hasPassed, !timedOut {
                timedOut = true
                kill(-pid, SIGKILL)
                kill(pid, SIGKILL)
            }
            try step(milliseconds: 50)
        }
        // What it wrote last is still in the pipes; a process that it left behind must not hold the test up.
        let (drain, last) = (Deadline(seconds: 2), Deadline(seconds: 12))
        while output != nil || error != nil || terminal != nil {
            if try !step(milliseconds: 50) && drain.hasPassed || last.hasPassed { break }
        }
        let end = ended ?? (125, 0)
        return Outcome(exitCode: end.code, signal: end.signal, outputBytes: outputBytes, errorBytes: errorBytes, timedOut: timedOut)
    }

    /// One round of poll(2): feeds, reads and looks whether it has ended.
    ///
    /// - Returns: whether there was anything to do.
    @discardableResult
    private func step(milliseconds: Int32) throws -> Bool {
        var watched: [pollfd] = []
        func watch(_ descriptor: Descriptor?, _ events: Int32) {
            if let descriptor { watched.append(pollfd(fd: descriptor.number, events: Int16(events), revents: 0)) }
        }
        if ended == nil { watch(handle, Int32(POLLIN)) }
        watch(output, Int32(POLLIN))
        watch(error, Int32(POLLIN))
        watch(terminal, Int32(POLLIN))
        if !pendingInput.isEmpty { watch(input, Int32(POLLOUT)) }
        if poll(&watched, nfds_t(watched.count), milliseconds) < 0, errno != EINTR { throw SystemError("poll") }
        for entry in watched where entry.revents != 0 {
            if entry.fd == handle.number {
                reap()
            } else if entry.fd == input?.number {
                feed()
            } else if entry.fd == error?.number {
                if !read(entry.fd, into: &errorBytes) { error = nil }
            } else if !read(entry.fd, into: &outputBytes) {
                if entry.fd == output?.number { output = nil } else { terminal = nil }
            }
        }
        if closesInput, pendingInput.isEmpty { input = nil }
        return watched.contains { $0.revents != 0 }
    }

    private func reap() {
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return }
        if coop_wifexited(status) != 0 {
            ended = (coop_wexitstatus(status), 0)
        } else {
            ended = (128 + coop_wtermsig(status), coop_wtermsig(status))
        }
    }

    private func feed() {
        guard let input else { return }
        // A reader that has gone is no failure of the test's: it will see what the program did.
        let count = pendingInput.withUnsafeBytes { coop_write(input.number, $0) }
        if count > 0 { pendingInput.removeFirst(count) } else if count < 0, errno != EAGAIN { pendingInput = [] }
    }

    private func read(_ number: Int32, into bytes: inout [UInt8]) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(number, &chunk, chunk.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return true }
        guard count > 0 else { return false }
        bytes += chunk[0..<count]
        return true
    }
}

/// write(2) without SIGPIPE for the whole test process.
private func coop_write(_ number: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    signal(SIGPIPE, SIG_IGN)
    return write(number, bytes.baseAddress, bytes.count)
}
