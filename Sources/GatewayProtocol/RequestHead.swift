/// A place in a request where credentials travel.
public enum CredentialPlace: Hashable, Sendable {
    /// The value of a header field; the name in lower case.
    case header(String)
    /// The user or password of basic authentication, decoded.
    case basic
    /// The value of a query parameter.
    case query(String)
    /// The path of the target.
    case path
    /// The body: JSON, form or text.
    case body
}

/// One HTTP request that waits for a verdict. Its body has not been read.
public struct RequestHead: Hashable, Sendable {
    public var method: String
    /// `http` or `https`.
    public var scheme: String
    /// Host, and port where the client wrote one.
    public var authority: String
    /// Path and query as the client wrote them.
    public var path: String
    /// The stubs (`SecretWatch.stubs`) found in the request's head.
    public var stubs: [UInt32]
    /// Where the head holds something like a credential that is no stub.
    public var credentials: [CredentialPlace]

    public init(
        method: String, scheme: String, authority: String, path: String, stubs: [UInt32] = [], credentials: [CredentialPlace] = []
    ) {
        self.method = method
        self.scheme = scheme
        self.authority = authority
        self.path = path
        self.stubs = stubs
        self.credentials = credentials
    }
}
