import CoopErrors

/// A request that coop itself makes on the host, to an authorization server.
public struct HTTPRequest: Sendable, Equatable {
    public var method: String
    public var url: String
    /// Names in lower case.
    public var fields: [String: String]
    public var body: [UInt8]

    public init(method: String, url: String, fields: [String: String] = [:], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
    }

    static func json(_ url: String, _ value: JSONValue) -> HTTPRequest {
        HTTPRequest(
            method: "POST", url: url, fields: ["content-type": "application/json", "accept": "application/json"],
            body: Array(value.text().utf8))
    }

    static func form(_ url: String, _ pairs: [(String, String)]) -> HTTPRequest {
        HTTPRequest(
            method: "POST", url: url, fields: ["content-type": "application/x-www-form-urlencoded", "accept": "application/json"],
            body: Array(FormText.encode(pairs).utf8))
    }
}

/// The answer to a request.
public struct HTTPReply: Sendable, Equatable {
    public var status: Int
    /// Names in lower case.
    public var fields: [String: String]
    public var body: [UInt8]

    public init(status: Int, fields: [String: String] = [:], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    var json: JSONValue? { try? JSONValue.parse(body) }
}

/// Sends a request and waits for the whole answer. Upstream certificates must be verified, redirects not followed, and answers limited
/// in size and time.
public typealias HTTPTransport = @Sendable (HTTPRequest) throws(CoopError) -> HTTPReply
