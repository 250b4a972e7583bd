import CoopErrors

/// Stands for a token where the token itself must not be: SHA-256, in hexadecimal digits.
public struct TokenDigest: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ token: String) {
        description = VaultHash.digest(Array(token.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// - Parameter text: as `description` has it; nil for anything else.
    public init?(digits text: String) {
        guard text.utf8.count == 64, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else { return nil }
        description = text
    }
}

/// Has a login refreshed by a process of its own, and waits for it: one that goes on when this one is killed, so that tokens which a server
/// has given out are written down. Nothing is done if the access token has become another one.
public typealias RefreshDelegate = @Sendable (_ access: TokenDigest) throws(CoopError) -> Void
