import HTTPGateway
import NIOConcurrencyHelpers
import Substitution
import Testing

/// A host refuses a credential that had not ended: there is one further attempt, with another one, or the host's own answer.
@Suite struct RenewalTests {
    private static let refused = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n"
    private static let accepted = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nyes\n"

    private static func renewable(_ secret: String, revision: UInt64 = 1) -> Injection {
        var result = bearer(secret)
        result.revision = revision
        return result
    }

    private func gateway(
        _ port: Int, _ transport: ConnectionInfo.Transport = .cleartext, first: Injection = renewable("first"),
        _ renewal: @escaping TestGateway.Renewal = { _ in [renewable("second", revision: 2)] }
    ) throws -> TestGateway {
        try TestGateway(upstream: port, transport: transport, judgement: { _, _ in .allow([first]) }, renewal: renewal)
    }

    private func request(_ body: String, _ further: String = "") -> String {
        "POST /x HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\(further)\r\n\(body)"
    }

    @Test("the request is sent once more with another credential", arguments: ["", "a body"])
    func again(body: String) throws {
        let server = try ScriptedServer([Self.refused, Self.accepted])
        let asked = NIOLockedValueBox<[UInt64?]>([])
        let gateway = try gateway(server.port) { rejected in
            asked.withLockedValue { $0.append(rejected.revision) }
            return [Self.renewable("second", revision: 2)]
        }
        let client = try gateway.connect()
        try client.send(request(body))
        let answer = client.readAll()
        #expect(answer.hasPrefix("HTTP/1.1 200") && answer.hasSuffix("yes\n") && !answer.contains("no\n"), "\(answer)")
        #expect(asked.withLockedValue { $0 } == [1])
        #expect(server.received.map { $0.contains("Bearer first") } == [true, false], "\(server.received)")
        #expect(server.received.last?.contains("Bearer second") == true)
        #expect(server.received.allSatisfy { $0.lowercased().contains("content-length: \(body.utf8.count)") || body.isEmpty })
    }

    @Test("never twice, not without another credential, and not for one that cannot be renewed", arguments: ["again", "none", "other"])
    func once(_ what: String) throws {
        let server = try ScriptedServer([Self.refused])
        let asked = NIOLockedValueBox(0)
        let gateway = try gateway(server.port, first: what == "other" ? bearer("first") : Self.renewable("first")) { _ in
            asked.withLockedValue { $0 += 1 }
            return what == "again" ? [Self.renewable("second", revision: 2)] : nil
        }
        let client = try gateway.connect()
        try client.send(request("a body"))
        let answer = client.readAll()
        #expect(answer.hasPrefix("HTTP/1.1 401") && answer.hasSuffix("\r\n\r\nno\n"), "\(answer)")
        #expect(server.received.count == (what == "again" ? 2 : 1))
        #expect(asked.withLockedValue { $0 } == (what == "other" ? 0 : 1))
        #expect(gateway.incidents == [])
    }

    enum Body: CaseIterable {
        case kept, chunked, tooLarge, withTrailers
    }

    @Test("a body is sent again whole; one that is too large to be kept, or has trailers, is not", arguments: Body.allCases)
    func bodies(_ what: Body) throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try gateway(upstream.port)
        let client = try gateway.connect()
        let text = String(repeating: "0123456789abcdef", count: 4096) + (what == .tooLarge ? "x" : "")
        let chunked = "POST /guarded HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        switch what {
        case .kept, .tooLarge: try client.send(request(text).replacing("/x", with: "/guarded"))
        case .chunked: try client.send(chunked + "10000\r\n\(text)\r\n0\r\n\r\n")
        case .withTrailers: try client.send(chunked + "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n")
        }
        let answer = client.readAll()
        if what == .kept || what == .chunked {
            #expect(answer.hasPrefix("HTTP/1.1 200") && answer.hasSuffix("\r\n\r\n" + text), "\(answer.prefix(300))")
            #expect(upstream.requests.count == 2)
        } else {
            #expect(answer.hasPrefix("HTTP/1.1 401") && answer.hasSuffix("\r\n\r\nno\n"), "\(answer.prefix(300))")
            #expect(upstream.requests.count == 1)
        }
    }

    @Test("streams of one HTTP/2 connection are each sent once more")
    func streams() throws {
        let upstream = try TestUpstream(.clearHTTP2)
        let gateway = try gateway(upstream.port, .cleartextHTTP2)
        let client = try HTTP2Client(gateway.port)
        let outcomes = try (0..<20).map { client.send(HTTP2Client.block("/guarded", method: "POST"), pieces: [Array("body \($0)".utf8)]) }
            .map { try $0.wait() }
        for (index, outcome) in outcomes.enumerated() { #expect(outcome.status == "200" && outcome.text == "body \(index)") }
        #expect(upstream.requests.count == 40)
    }

    @Test("a host that answers before the body has come, or breaks off, does no harm")
    func early() throws {
        let server = try ScriptedServer(["HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nn"], resets: true)
        let gateway = try gateway(server.port) { _ in nil }
        let client = try gateway.connect()
        try client.send("POST /x HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 10\r\n\r\nhalf")
        #expect(client.readAll().contains("HTTP/1.1 "))
        let second = try gateway.connect()
        try second.send(request("x"))
        #expect(second.readAll().contains("HTTP/1.1 "))
    }
}
