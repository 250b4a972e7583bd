/// Where a stub may become its secret.
public struct CredentialPlaces: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let headers = CredentialPlaces(rawValue: 1)
    public static let basic = CredentialPlaces(rawValue: 2)
    public static let query = CredentialPlaces(rawValue: 4)
    public static let path = CredentialPlaces(rawValue: 8)
    public static let json = CredentialPlaces(rawValue: 16)
    public static let form = CredentialPlaces(rawValue: 32)
    public static let webSocket = CredentialPlaces(rawValue: 64)
    public static let all = CredentialPlaces(rawValue: 127)
}

/// A secret that one request may use, and how. In the response the secret becomes the stub again.
public enum Injection: Hashable, Sendable {
    /// The stub becomes the secret wherever it stands in these places.
    case replace(stub: [UInt8], secret: SecretBytes, places: CredentialPlaces)
    /// The header field gets this value, whatever the program sent: prefix, secret, suffix (`Bearer {value}`).
    case header(name: String, prefix: String, secret: SecretBytes, suffix: String, stub: [UInt8])
    /// The query parameter gets this value, whatever the program sent.
    case query(name: String, secret: SecretBytes, stub: [UInt8])
    /// Basic authentication with this user and password, whatever the program sent.
    case basic(user: String, secret: SecretBytes, stub: [UInt8])
    /// The request, signed with the stub's key, is signed again (AWS Signature Version 4).
    case awsSignature(stubKeyID: String, stubSecretKey: [UInt8], keyID: String, secretKey: SecretBytes, sessionToken: SecretBytes?)

    /// At least the size of its wire form.
    var sizeBound: Int {
        let overhead = 64
        return switch self {
        case .replace(let stub, let secret, _): overhead + stub.count + secret.count
        case .header(let name, let prefix, let secret, let suffix, let stub):
            overhead + name.utf8.count + prefix.utf8.count + secret.count + suffix.utf8.count + stub.count
        case .query(let name, let secret, let stub): overhead + name.utf8.count + secret.count + stub.count
        case .basic(let user, let secret, let stub): overhead + user.utf8.count + secret.count + stub.count
        case .awsSignature(let stubKeyID, let stubSecretKey, let keyID, let secretKey, let token):
            overhead + stubKeyID.utf8.count + stubSecretKey.count + keyID.utf8.count + secretKey.count + (token?.count ?? 0)
        }
    }
}
