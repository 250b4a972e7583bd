import HTTPGateway
import LinuxKernel
import Testing

/// What HTTP/1.1 promises its users, in clear text, byte by byte.
@Suite struct ExchangeTests {
    let upstream: TestUpstream
    let gateway: TestGateway

    init() throws {
        upstream = try TestUpstream(.clear)
        gateway = try TestGateway(upstream: upstream.port, transport: .cleartext) { request, _ in
            request.path.hasPrefix("/no") ? .deny(Denial(rule: "r", reason: "no")) : .allow([])
        }
    }

    @Test("pipelined requests are judged one by one and answered in order")
    func pipelining() throws {
        let client = try gateway.connect()
        var text = ""
        for index in 0..<200 { text += "GET \(index % 3 == 0 ? "/no" : "/echo")/\(index) HTTP/1.1\r\nHost: api.example.com\r\n\r\n" }
        try client.send(text + "GET /last HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        let answer = client.readAll()
        var rest = answer
        for index in 0..<200 {
            let found = try #require(rest.range(of: index % 3 == 0 ? "HTTP/1.1 403" : "GET /echo/\(index)\n"), "\(index)")
            #expect(!rest[..<found.lowerBound].contains("GET /echo"), "\(index)")
            rest = String(rest[found.upperBound...])
        }
        #expect(gateway.judged.map(\.stream) == Array(1...201))
        #expect(upstream.connections == 1)
    }

    @Test("chunked both ways with trailers")
    func trailers() throws {
        let client = try gateway.connect()
        try client.send(
            "POST /trailers HTTP/1.1\r\nHost: api.example.com\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                + "5;ext=1\r\nhello\r\nA\r\n world 123\r\n0\r\nX-Part: sum\r\n\r\n")
        let answer = client.readAll()
        #expect(answer.contains("Transfer-Encoding: chunked\r\n"))
        #expect(answer.hasSuffix("0\r\nx-sum: sum\r\n\r\n"), "\(answer)")
        #expect(answer.contains("hello world 123"))
    }

    @Test("an HTTP/1.0 client gets a body until the end of the connection")
    func http10() throws {
        let client = try gateway.connect()
        try client.send("POST /trailers HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
        let answer = client.readAll()
        #expect(answer.hasPrefix("HTTP/1.1 200"))
        #expect(!answer.contains("chunked"))
        #expect(answer.hasSuffix("\r\n\r\nhello"), "\(answer)")
    }

    @Test("an event is forwarded at once")
    func events() throws {
        let client = try gateway.connect()
        try client.send("GET /events HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
        // The upstream does not end the response: only forwarding makes this return.
        #expect(client.read(until: "data: first\n\n").hasSuffix("data: first\n\n"))
    }

    @Test("a client that closes its sending side still gets the answer")
    func halfClose() throws {
        let client = try gateway.connect()
        try client.send("POST /echo HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\n\r\nabc")
        client.endInput()
        #expect(client.readAll().hasSuffix("\n\nabc"))
    }

    @Test("an upstream's connection is used again, by other clients too; a closed one is replaced")
    func reuse() throws {
        for _ in 0..<5 {
            let client = try gateway.connect()
            try client.send("GET /echo HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
            #expect(client.readAll().hasPrefix("HTTP/1.1 200"))
        }
        #expect(gateway.dials == 1)
        gateway.proxy.closeIdle(name: TestGateway.name)
        let client = try gateway.connect()
        try client.send("GET /echo HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        #expect(client.readAll().hasPrefix("HTTP/1.1 200"))
        #expect(gateway.dials == 2)
    }

    @Test("a request that met a closing connection is sent again, once, if it may be")
    func retry() throws {
        let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        let server = try ScriptedServer([good])
        let gateway = try TestGateway(upstream: server.port, transport: .cleartext)
        let client = try gateway.connect()
        for _ in 0..<20 {
            // The server closes after each response: the proxy may or may not have seen it yet.
            try client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
            #expect(client.read(until: "ok").hasPrefix("HTTP/1.1 200"))
        }
        #expect(server.received.count == 20)
    }

    @Test("a denied body is read to its end, and the connection goes on")
    func deniedBody() throws {
        let client = try gateway.connect()
        try client.send("POST /no HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\n\r\nhe")
        #expect(client.read(until: "no\n").hasPrefix("HTTP/1.1 403"))
        try client.send("lloGET /echo HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        #expect(client.readAll().hasPrefix("HTTP/1.1 200"))
    }

    @Test("a denied body that is too large closes the connection")
    func deniedLargeBody() throws {
        let client = try gateway.connect()
        try client.send("POST /no HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5000000\r\n\r\nhe")
        let answer = client.read(until: "no\n")
        #expect(answer.contains("Connection: close"))
        client.endInput()
        #expect(client.readAll().isEmpty)
    }

    private static let handshake =
        "HTTP/1.1\r\nHost: api.example.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

    @Test("a WebSocket handshake is judged and injected, and then a tunnel")
    func webSocket() throws {
        let server = try EchoTunnel()
        let gateway = try TestGateway(upstream: server.port, transport: .cleartext) { request, _ in
            request.kind == .webSocket ? .allow([bearer("real")]) : .deny(Denial(rule: "r", reason: "no"))
        }
        let client = try gateway.connect()
        try client.send("GET /chat " + Self.handshake + "early bytes")
        let head = client.read(until: "\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 101"))
        #expect(head.contains("Upgrade: websocket\r\n") && head.contains("Connection: Upgrade\r\n"))
        #expect(client.read(until: "early bytes") == "early bytes")
        for index in 0..<20 {
            try client.send("\0frame \(index)\u{1}")
            #expect(client.read(until: "\u{1}") == "\0frame \(index)\u{1}")
        }
        #expect(server.head.contains("authorization: Bearer real\r\n"))
        #expect(server.head.contains("Upgrade: websocket\r\n") && server.head.contains("Connection: Upgrade\r\n"))
        client.endInput()
        #expect(client.readAll() == "")
    }

    @Test("a WebSocket handshake that is denied gets 403; one that the upstream refuses gets its answer")
    func webSocketRefused() throws {
        let client = try gateway.connect()
        try client.send("GET /no " + Self.handshake)
        #expect(client.read(until: "no\n").hasPrefix("HTTP/1.1 403"))
        try client.send("GET /echo " + Self.handshake)
        #expect(client.read(until: "sec-websocket-version: 13").hasPrefix("HTTP/1.1 200"))
    }

    @Test("a client that goes away in the middle ends its upstream's exchange, and nobody else's")
    func clientGone() throws {
        let other = try gateway.connect()
        try other.send("GET /events HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
        _ = other.read(until: "first")
        for _ in 0..<50 {
            let client = try gateway.connect()
            try client.send("POST /bidi HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 100000\r\n\r\nabc")
            client.reset()
        }
        let last = try gateway.connect()
        try last.send("GET /echo HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        #expect(last.readAll().hasPrefix("HTTP/1.1 200"))
    }

    @Test("a resetting upstream harms nobody else")
    func upstreamResets() throws {
        let server = try ScriptedServer(["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"], resets: true)
        let gateway = try TestGateway(upstream: server.port, transport: .cleartext)
        for _ in 0..<20 {
            let client = try gateway.connect()
            try client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
            #expect(!client.readAll().contains("evil"))
        }
    }

    @Test("an upstream that cannot be reached is a 502 with the reason")
    func unreachable() throws {
        let gateway = try TestGateway(upstream: 1, transport: .cleartext)
        let client = try gateway.connect()
        try client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        #expect(client.readAll().hasSuffix("coop: api.example.com: no connection to the host\n"))
    }

    @Test("pipelined requests are answered although the client has closed its sending side")
    func pipelinedHalfClose() throws {
        let client = try gateway.connect()
        try client.send(String(repeating: "GET /echo HTTP/1.1\r\nHost: api.example.com\r\n\r\n", count: 3))
        client.endInput()
        #expect(client.readAll().split(separator: "HTTP/1.1 200").count == 3)
    }

    @Test("a connection is closed when its number is revoked, and its bytes were counted")
    func revoked() throws {
        var (ours, theirs): (Descriptor, Descriptor?) = try Loopback.pair()
        let client = RawClient(ours)
        let closed = gateway.proxy.serve(
            try #require(theirs), ConnectionInfo(id: 99, name: TestGateway.name, port: 80, transport: .cleartext),
            alreadyRead: Array("GET /ev".utf8))
        // The proxy has its own duplicate; as long as anybody holds another, the peer sees no end.
        theirs = nil
        try client.send("ents HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
        let answer = client.read(until: "first\n\n")
        gateway.proxy.close(connection: 99)
        let rest = client.readAll()
        let traffic = try closed.wait()
        #expect(traffic.received == UInt64("ents HTTP/1.1\r\nHost: api.example.com\r\n\r\n".utf8.count))
        #expect(traffic.sent == UInt64(answer.utf8.count + rest.utf8.count))
    }
}
