/// Who may connect. A page of another site can make a browser send requests to this machine, and a name that it controls can lead here:
/// so the name must be one of ours, a page's origin must be listed, and whoever asks must know the token.
public struct WebSocketAdmission: Sendable {
    /// The values of `Host` that are ours, with the port.
    public var hosts: Set<String>
    /// Origins of pages that may connect; a client that is no browser sends none.
    public var origins: Set<String>
    /// Sent as `Authorization: Bearer TOKEN`, or as `token=TOKEN` in the query where a client cannot set headers.
    public var token: String

    public init(hosts: Set<String>, origins: Set<String> = [], token: String) {
        self.hosts = Set(hosts.map { $0.lowercased() })
        self.origins = origins
        self.token = token
    }

    /// The hosts of a port of the loopback addresses.
    public static func loopback(port: UInt16, token: String) -> WebSocketAdmission {
        WebSocketAdmission(hosts: ["127.0.0.1:\(port)", "localhost:\(port)", "[::1]:\(port)"], token: token)
    }

    func check(_ request: WebSocketRequest) throws(WebSocketRequest.Refusal) {
        guard let host = request.headers["host"]?.first, hosts.contains(host.lowercased()) else {
            throw WebSocketRequest.Refusal(status: "421 Misdirected Request")
        }
        for origin in request.headers["origin"] ?? [] where !origins.contains(origin) {
            throw WebSocketRequest.Refusal(status: "403 Forbidden")
        }
        let bearer = request.headers["authorization"].flatMap { values -> String? in
            guard values.count == 1, values[0].lowercased().hasPrefix("bearer ") else { return nil }
            return String(values[0].dropFirst(7))
        }
        guard let given = bearer ?? request.query["token"], WebSocketAdmission.isSame(given, token), !token.isEmpty else {
            throw WebSocketRequest.Refusal(status: "401 Unauthorized", header: "WWW-Authenticate: Bearer\r\n")
        }
    }

    /// In the same time wherever they differ.
    private static func isSame(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | $1.0 ^ $1.1 } == 0
    }
}
