/// A header field as it travels between supervisor and gateway.
public struct HeaderText: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A request of coop's own, which a worker without a sandbox sends over a socket that it is given.
public struct OutboundRequest: Equatable, Sendable {
    public var method: String
    /// The host that the certificate must be for: a name, or an IPv4 address.
    public var host: String
    public var port: UInt16
    /// Whether TLS is spoken; without it only on the loopback interface.
    public var isSecure: Bool
    /// Path and query.
    public var path: String
    public var fields: [HeaderText]
    public var body: [UInt8]

    public init(method: String, host: String, port: UInt16, isSecure: Bool, path: String, fields: [HeaderText] = [], body: [UInt8] = []) {
        self.method = method
        self.host = host
        self.port = port
        self.isSecure = isSecure
        self.path = path
        self.fields = fields
        self.body = body
    }
}

/// A whole response: of a server to coop, or of coop to a program inside.
public struct WholeResponse: Equatable, Sendable {
    /// 200…599.
    public var status: UInt16
    public var fields: [HeaderText]
    public var body: [UInt8]

    public init(status: UInt16, fields: [HeaderText] = [], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}
