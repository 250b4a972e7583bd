/// One secret, and the one place of one request in which it may be used.
public struct Injection: Sendable {
    /// Where the secret goes.
    public enum Place: Sendable, Equatable {
        /// Sets the header to `prefix` + secret and removes every field of that name that the client sent.
        case header(name: String, prefix: String)
        /// `Authorization: Bearer <secret>`, instead of whatever the client sent there.
        case bearer
        /// `Authorization: Basic base64(user:secret)`, instead of whatever the client sent there.
        case basic(user: String)
        /// Sets a query parameter; parameters of that name that the client sent are removed.
        case query(name: String)
        /// Replaces the stub inside the named header, wherever it stands in the value.
        case stubInHeader(name: String, stub: String)
        /// Replaces the stub in the user or the password of `Authorization: Basic`.
        case stubInBasic(stub: String)
        /// Replaces the stub in the query, plain or percent-encoded.
        case stubInQuery(stub: String)
    }

    public var place: Place
    public var secret: Secret

    public init(_ place: Place, _ secret: Secret) {
        self.place = place
        self.secret = secret
    }
}
