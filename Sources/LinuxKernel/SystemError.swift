import Glibc

/// A system call that failed: which, on what, and the kernel's reason.
public struct SystemError: Error, Sendable, Equatable {
    /// The call's name, as in section 2 of the manual.
    public var call: String
    /// The path or thing it was about; empty where there is none.
    public var subject: String
    /// The error number (errno(3)).
    public var errno: Int32

    public init(_ call: String, _ subject: String = "", errno number: Int32 = Glibc.errno) {
        self.call = call
        self.subject = subject
        self.errno = number
    }

    /// The kernel's reason in words: `No such file or directory`.
    public var reason: String { SystemError.text(for: errno) }

    /// Whether there is no space left, or no more for this user.
    public var isFull: Bool { errno == ENOSPC || errno == EDQUOT }

    /// The text of an error number (strerror_r(3)).
    public static func text(for number: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension SystemError: CustomStringConvertible {
    public var description: String {
        subject.isEmpty ? "\(call): \(reason)" : "\(call) \(subject.printable): \(reason)"
    }
}

/// Runs a system call again while a signal interrupts it, and throws `SystemError` when it fails.
///
/// - Parameters:
///   - call: the name for the error.
///   - subject: what it is about.
@discardableResult
@inlinable
public func check<Result: FixedWidthInteger & SignedInteger>(
    _ call: @autoclosure () -> String, _ subject: @autoclosure () -> String = "", _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let number = Glibc.errno
        if number == EINTR { continue }
        throw SystemError(call(), subject(), errno: number)
    }
}
