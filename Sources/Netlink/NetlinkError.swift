import LinuxKernel

/// Why a request to the kernel over netlink(7) failed.
public enum NetlinkError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A system call on the socket failed.
    case system(SystemError)
    /// The kernel refused a request; `subject` says which.
    case refused(subject: String, errno: Int32)
    /// An answer does not have the shape that netlink(7) describes.
    case malformed(String)

    public var description: String {
        switch self {
        case .system(let error): error.description
        case .refused(let subject, let number): "\(subject): \(SystemError.text(for: number))"
        case .malformed(let reason): "the kernel's answer makes no sense: \(reason)"
        }
    }
}
