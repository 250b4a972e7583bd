/// What the kernel does with a system call (seccomp(2), "Return values of filters").
public enum SeccompAction: Hashable, Sendable {
    /// Ends the whole process with SIGSYS.
    case killProcess
    /// Ends the calling thread only.
    case killThread
    /// Sends SIGSYS, which the program may catch.
    case trap
    /// The call is not made and fails with this error number.
    case errno(UInt16)
    /// Asks a tracer; without one the call fails with `ENOSYS`.
    case trace(UInt16)
    /// The call is made and logged by the kernel.
    case log
    /// The call is made.
    case allow

    /// The filter's return value: `SECCOMP_RET_…` with its data in the low half (linux/seccomp.h).
    var returnValue: UInt32 {
        switch self {
        case .killProcess: 0x8000_0000
        case .killThread: 0x0000_0000
        case .trap: 0x0003_0000
        case .errno(let number): 0x0005_0000 | UInt32(number)
        case .trace(let data): 0x7FF0_0000 | UInt32(data)
        case .log: 0x7FFC_0000
        case .allow: 0x7FFF_0000
        }
    }

    /// The kernel's own order among stacked filters: the smaller one wins (the action's bits as a signed number).
    var precedence: Int32 { Int32(bitPattern: returnValue & 0xFFFF_0000) }
}

extension SeccompAction: CustomStringConvertible {
    /// `allow`, `EPERM`, `kill-process` …
    public var description: String {
        switch self {
        case .killProcess: "kill-process"
        case .killThread: "kill-thread"
        case .trap: "trap"
        case .errno(let number): ErrorNumber.name(number)
        case .trace: "trace"
        case .log: "log"
        case .allow: "allow"
        }
    }
}

/// Error numbers that filters return. x86_64 and aarch64 share them (asm-generic/errno.h).
enum ErrorNumber {
    static let EPERM: UInt16 = 1
    static let ENOSYS: UInt16 = 38
    static let EPROTONOSUPPORT: UInt16 = 93
    static let ESOCKTNOSUPPORT: UInt16 = 94
    static let EOPNOTSUPP: UInt16 = 95
    static let EAFNOSUPPORT: UInt16 = 97

    /// The largest number that the kernel passes on (`MAX_ERRNO`).
    static let limit: UInt16 = 4095

    /// The symbolic name where it is one that profiles use, else `errno 123`.
    static func name(_ number: UInt16) -> String {
        switch number {
        case 1: "EPERM"
        case 2: "ENOENT"
        case 5: "EIO"
        case 12: "ENOMEM"
        case 13: "EACCES"
        case 22: "EINVAL"
        case 38: "ENOSYS"
        case 93: "EPROTONOSUPPORT"
        case 94: "ESOCKTNOSUPPORT"
        case 95: "EOPNOTSUPP"
        case 97: "EAFNOSUPPORT"
        default: "errno \(number)"
        }
    }
}
