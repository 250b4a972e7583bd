import CoopErrors
import LinuxKernel

/// The name of a task: what the user calls it, and the end of its branch `coop/NAME`.
public struct TaskName: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    /// - Throws: `CoopError` of kind `usage` for anything that is not 1 to 64 ASCII letters, digits, `-`, `_` and `.`, begins with
    ///   `-` or `.`, ends with `.` or `.lock`, or holds `..` (git-check-ref-format(1), and it is the name of a directory).
    public init(_ text: String) throws(CoopError) {
        let isAllowed = text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isAllowed, (1...64).contains(text.utf8.count), !text.hasPrefix("-"), !text.hasPrefix("."), !text.hasSuffix("."),
            !text.hasSuffix(".lock"), !text.contains("..")
        else {
            throw CoopError(
                .usage, "cannot name a task `\(text.printable)`",
                "a name is 1 to 64 ASCII letters, digits, `-`, `_` and `.`, begins with a letter, digit or `_`, ends with neither `.` nor"
                    + " `.lock`, and has no `..`",
                next: "choose another name: --task fix-login")
        }
        self.text = text
    }

    /// The full name of its branch.
    public var reference: String { "refs/heads/\(branch)" }
    public var branch: String { "coop/\(text)" }
    public var description: String { text }
}
