/// An error that a person reads: what failed, why, and the command that helps.
///
/// Every failure that leaves coop has this type. It prints as `coop: <what>: <why>` with a last line
/// `Next: <command>`; with `--json` as `{version, error: {code, message, next}}`.
public struct CoopError: Error, Sendable, Equatable {
    /// The kind of failure; it decides the exit code.
    public enum Code: String, Sendable, CaseIterable {
        /// The operation was tried and did not succeed.
        case failed
        /// The command line is wrong.
        case usage
        /// A configuration file, environment variable or environment file is wrong.
        case configuration
        /// Something that is needed is missing or not running.
        case notReady = "not-ready"
        /// Policy, a missing approval, or a layer that cannot be enforced.
        case refused
        /// A command, path or name that does not exist.
        case notFound = "not-found"
    }

    public var code: Code
    /// What failed, in a few words: `cannot read coop.toml`.
    public var what: String
    /// Why: the system's or the check's own reason, with the place (`file:line:column`) where there is one.
    public var why: String
    /// What to do next: preferably a command that can be pasted.
    public var next: String?

    public init(_ code: Code, _ what: String, _ why: String, next: String? = nil) {
        self.code = code
        self.what = what
        self.why = why
        self.next = next
    }

    /// `what: why`, without the prefix and the remedy.
    public var message: String { why.isEmpty ? what : "\(what): \(why)" }
}

extension CoopError: CustomStringConvertible {
    public var description: String { message }
}
