import Substitution

/// Proof Key for Code Exchange (RFC 7636), method S256.
public struct ProofKey: Sendable, Equatable {
    public let verifier: String
    public let challenge: String

    public init(verifier: String) {
        self.verifier = verifier
        challenge = String(decoding: Base64.encode(VaultHash.digest(Array(verifier.utf8)), .url, padding: false), as: UTF8.self)
    }

    /// With a fresh random verifier of 43 characters.
    public init() { self.init(verifier: RandomText.make()) }
}

/// Random text for states and verifiers.
enum RandomText {
    /// 256 random bits in base64url.
    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return String(decoding: Base64.encode(bytes, .url, padding: false), as: UTF8.self)
    }
}
