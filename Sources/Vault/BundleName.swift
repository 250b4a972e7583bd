import CoopErrors
import LinuxKernel

/// The name of an environment bundle, by the rules of the name of a secret.
public struct BundleName: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    public init(_ text: String) throws(CoopError) {
        if let why = SecretName.problem(text) {
            throw CoopError(.usage, "`\(text.printable)` cannot be the name of an environment", why, next: "coop env load dev .env")
        }
        self.text = text
    }

    public var description: String { text }
}
