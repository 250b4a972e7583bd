import CLinux
import Glibc
import LinuxKernel
import WardenProtocol

/// What runs in the child between fork and execve: streams, identity, proof, execution.
struct CommandLaunch {
    let request: ProcessRequest
    let plan: LaunchPlan
    /// The descriptors for the streams that are passed, in order.
    let passed: [Descriptor]
    /// The user end of the command's terminal.
    let terminal: Descriptor?
    /// Takes the report of a failure; closed by a successful execve.
    let report: Descriptor

    /// A step that failed, with the kernel's reason.
    private struct StepFailure: Error {
        var step: String
        var errno: Int32
    }

    /// Becomes the command. Does not return: a failure is written to `report`.
    func become() -> Never {
        do {
            try connectStreams()
            try dropIdentity()
            try prove()
            try execute()
        } catch let failure as StepFailure {
            var bytes = withUnsafeBytes(of: failure.errno) { Array($0) }
            bytes.append(contentsOf: failure.step.utf8)
            // Nobody is left to tell if the warden is gone.
            _ = bytes.withUnsafeBytes { write(report.number, $0.baseAddress, $0.count) }
        } catch {}
        _exit(127)
    }

    private func step<Result: FixedWidthInteger & SignedInteger>(_ name: String, _ result: Result) throws {
        if result < 0 { throw StepFailure(step: name, errno: errno) }
    }

    private func connectStreams() throws {
        var next = passed.makeIterator()
        var sources: [Descriptor] = []
        for stream in request.streams {
            switch stream {
            case .passed:
                guard let descriptor = next.next() else { throw StepFailure(step: "stream", errno: EBADF) }
                sources.append(descriptor)
            case .terminal:
                guard let terminal else { throw StepFailure(step: "stream", errno: ENOTTY) }
                sources.append(terminal)
            case .null:
                let number = open("/dev/null", O_RDWR | O_CLOEXEC)
                try step("/dev/null", number)
                sources.append(Descriptor(owning: number))
            }
        }
        // All sources lie above 2 (the warden's own 0 to 2 are closed but reserved), so no dup2 overwrites another.
        for (target, source) in sources.enumerated() { try step("dup2", dup2(source.number, Int32(target))) }
        try step("close_range", coop_close_range(3, UInt32.max, UInt32(1 << 2) /* CLOSE_RANGE_CLOEXEC */))
    }

    private func dropIdentity() throws {
        if plan.separatesWarden {
            try step("setresgid", coop_setresgid(plan.workload.group))
            try step("setresuid", coop_setresuid(plan.workload.user))
        }
        try step("capset", coop_capset(0, 0, 0))
        umask(mode_t(request.umask) & 0o777)
        var none = sigset_t()
        sigemptyset(&none)
        for number in 1..<65 { signal(Int32(number), SIG_DFL) }
        try step("sigprocmask", sigprocmask(SIG_SETMASK, &none, nil))
    }

    /// The last look before the command takes over: no capability, a filter in force, nothing open but the streams.
    private func prove() throws {
        let status: ProcessStatus
        do { status = try ProcessStatus.read() } catch let error { throw StepFailure(step: "verify status", errno: error.errno) }
        let capabilities = status.effective | status.permitted | status.inheritable | status.bounding | status.ambient
        for operation in plan.operations {
            switch operation {
            case .dropPrivileges where capabilities != 0: throw StepFailure(step: "verify capabilities", errno: EPERM)
            case .dropPrivileges where !status.noNewPrivileges: throw StepFailure(step: "verify no_new_privs", errno: EPERM)
            case .seccomp where status.seccompMode != 2: throw StepFailure(step: "verify seccomp", errno: EPERM)
            default: break
            }
        }
        guard status.uids.allSatisfy({ $0 == plan.workload.user }), status.gids.allSatisfy({ $0 == plan.workload.group }) else {
            throw StepFailure(step: "verify identity", errno: EPERM)
        }
        let numbers: [Int32]
        do { numbers = try Descriptors.open() } catch let error { throw StepFailure(step: "verify descriptors", errno: error.errno) }
        for number in numbers {
            if number > 2 {
                guard fcntl(number, F_GETFD) & FD_CLOEXEC != 0 else { throw StepFailure(step: "verify descriptors", errno: EBADF) }
                continue
            }
            var found = stat()
            try step("fstat", fstat(number, &found))
            // A directory would lead out of the sandbox by /proc/self/fd/N/.. .
            switch FileKind(mode: found.st_mode) {
            case .file, .fifo, .characterDevice: continue
            default: throw StepFailure(step: "verify descriptors", errno: EBADF)
            }
        }
    }

    private func execute() throws {
        try step("chdir", request.workingDirectory.withOSBytes { chdir($0) })
        let name = request.arguments[0]
        guard !name.isEmpty else { throw StepFailure(step: "exec", errno: ENOENT) }
        var candidates = [name]
        if !name.utf8.contains(UInt8(ascii: "/")) {
            let path = request.environment.last { $0.hasPrefix("PATH=") }.map { $0.dropFirst(5) } ?? "/usr/local/bin:/usr/bin:/bin"
            candidates = path.split(separator: ":", omittingEmptySubsequences: false).map { directory in
                directory.isEmpty ? name : "\(directory)/\(name)"
            }
        }
        var failure: Int32 = ENOENT
        for candidate in candidates {
            let number = replaceImage(candidate, request.arguments)
            switch number {
            case ENOENT, ENOTDIR: continue
            case ENOEXEC:
                // A script without an interpreter line, as every shell and execvp(3) run it.
                failure = replaceImage("/bin/sh", ["/bin/sh", candidate] + request.arguments.dropFirst())
            case EACCES:
                failure = number
                continue
            default: failure = number
            }
            break
        }
        throw StepFailure(step: "exec", errno: failure)
    }

    /// execve(2); returns the error number when it fails.
    private func replaceImage(_ program: String, _ arguments: [String]) -> Int32 {
        let argv = CStrings(arguments)
        let envp = CStrings(request.environment)
        _ = program.withOSBytes { execve($0, argv.pointers, envp.pointers) }
        return errno
    }
}

/// NUL-terminated strings for execve(2), alive as long as this object.
final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { pointers[index] = string.withOSBytes { strdup($0) } }
        pointers[strings.count] = nil
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
