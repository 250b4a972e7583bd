/// A set of system calls that the default policy denies and that the user may allow by name (`--allow-syscalls GROUP`).
public enum SyscallGroup: String, Sendable, Codable, CaseIterable, Comparable {
    case ioUring = "io_uring"
    case keyring
    case nestedUserns = "nested-userns"
    case perf
    case ptrace
    case rawSockets = "raw-sockets"

    /// What allowing the group gives away, in one sentence.
    public var cost: String {
        switch self {
        case .ioUring:
            "io_uring does file and network work that no system call filter sees, and it is a frequent source of kernel exploits."
        case .keyring:
            "The kernel's keyrings are not part of any namespace: keys of the same user outside the sandbox can be found and used."
        case .nestedUserns:
            "Programs may create user namespaces and hold every capability in them, which opens most of the kernel (mounts, "
                + "nftables, raw sockets) to attack."
        case .perf:
            "Performance counters reveal timing of other programs and the kernel, and perf is a frequent source of kernel exploits."
        case .ptrace:
            "Every process of the sandbox can read, change and take over every other process of the sandbox."
        case .rawSockets:
            "A program that holds CAP_NET_RAW, in a nested user namespace for instance, can make and see packets of any form."
        }
    }

    public static func < (left: SyscallGroup, right: SyscallGroup) -> Bool { left.rawValue < right.rawValue }
}
