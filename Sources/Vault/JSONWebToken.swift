import Substitution

/// A JSON Web Token (RFC 7519), read without being verified: coop is not its audience, and only carries it.
enum JSONWebToken {
    /// The claims; nil for text that is no such token.
    static func claims(_ token: String) -> JSONValue? {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Base64.decode(parts[1]), let value = try? JSONValue.parse(bytes), case .object = value else {
            return nil
        }
        return value
    }

    /// A token of the right shape that no server accepts: unsigned, with the mark of a stub where the signature would be.
    static func stub(claims: JSONValue, signature: String) -> String {
        func part(_ value: JSONValue) -> String { String(decoding: Base64.encode(value.text().utf8, .url, padding: false), as: UTF8.self) }
        return part(JSONValue(["alg": .string("RS256"), "typ": .string("JWT"), "kid": .string("coop-stub")])) + "." + part(claims) + "."
            + signature
    }
}
