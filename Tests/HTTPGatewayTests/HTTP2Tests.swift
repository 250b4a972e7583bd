import HTTPGateway
import NIOConcurrencyHelpers
import NIOCore
import NIOHPACK
import NIOHTTP2
import TestSupport
import Testing

/// HTTP/2 in clear text: what gRPC needs, and what attackers try.
@Suite struct HTTP2Tests {
    let upstream: TestUpstream
    let gateway: TestGateway
    let client: HTTP2Client

    init() throws {
        upstream = try TestUpstream(.clearHTTP2)
        gateway = try TestGateway(upstream: upstream.port, transport: .cleartextHTTP2) { request, _ in
            request.path.hasPrefix("/no") ? .deny(Denial(rule: "rule", reason: "not % allowed", next: "coop allow")) : .allow([])
        }
        client = try HTTP2Client(gateway.port)
    }

    @Test("many streams at once share one upstream connection")
    func multiplexing() throws {
        let outcomes = try (0..<100).map { client.send(HTTP2Client.block("/echo/\($0)")) }.map { try $0.wait() }
        for (index, outcome) in outcomes.enumerated() {
            #expect(outcome.status == "200")
            #expect(outcome.text.hasPrefix("GET /echo/\(index)\n"))
        }
        #expect(gateway.dials == 1)
        #expect(Set(gateway.judged.map(\.stream)).count == 100)
    }

    @Test("more streams than one upstream connection takes open the next")
    func moreStreams() throws {
        let other = try HTTP2Client(gateway.port)
        let block = HTTP2Client.block("/bidi", method: "POST")
        let begun = NIOLockedValueBox<[Int: any Channel]>([:])
        let calls = (0..<240).map { index in
            (index % 2 == 0 ? client : other).send(block, pieces: [[1]], ends: false) { outcome, stream in
                if outcome.body == [1], !outcome.isEnded { begun.withLockedValue { $0[index] = stream } }
            }
        }
        // None ends before all have begun: one upstream connection takes a hundred at once.
        try #require(Deadline.poll(seconds: 60) { begun.withLockedValue { $0.count } == 240 })
        for stream in begun.withLockedValue({ Array($0.values) }) {
            stream.writeAndFlush(
                HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(ByteBuffer(bytes: [2])), endStream: true)), promise: nil)
        }
        let outcomes = try calls.map { try $0.wait() }
        #expect(outcomes.allSatisfy { $0.status == "200" && $0.body == [1, 2] })
        #expect(gateway.dials == 3)
        withExtendedLifetime(other) {}
    }

    @Test("a gRPC call streams both ways at once and ends with trailers")
    func bidirectional() throws {
        let outcome = try client.send(
            HTTP2Client.block("/bidi", method: "POST", [("content-type", "application/grpc"), ("te", "trailers")]), pieces: [[1, 2, 3]],
            ends: false
        ) { outcome, channel in
            // The next piece goes only after the last came back: nothing may be waiting for the end of the request.
            if !outcome.isEnded, outcome.body.count >= 3, outcome.body.count < 30 {
                let last = outcome.body.count >= 27
                channel.writeAndFlush(
                    HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(ByteBuffer(bytes: [1, 2, 3])), endStream: last)), promise: nil)
            }
        }.wait()
        #expect(outcome.body.count == 30)
        #expect(outcome.blocks.last?.first(name: "grpc-status") == "0")
        #expect(upstream.requests[0].contains("te: trailers"))
    }

    @Test("a denied gRPC call gets its status in trailers only")
    func deniedCall() throws {
        let outcome = try client.send(HTTP2Client.block("/no", method: "POST", [("content-type", "application/grpc+proto")]), pieces: [[0]])
            .wait()
        #expect(outcome.status == "200")
        #expect(outcome.blocks.count == 1)
        #expect(outcome.blocks[0].first(name: "grpc-status") == "7")
        #expect(outcome.blocks[0].first(name: "grpc-message") == "coop: denied by rule: not %25 allowed; next: coop allow")
        #expect(outcome.blocks[0].first(name: "x-coop-denied") == "rule")
        #expect(gateway.dials == 0)
    }

    @Test("trailers of a request pass")
    func trailers() throws {
        let outcome = try client.send(
            HTTP2Client.block("/trailers", method: "POST"), pieces: [Array("hello".utf8)], trailers: HPACKHeaders([("x-part", "sum")])
        ).wait()
        #expect(outcome.text == "hello")
        #expect(outcome.blocks.last?.first(name: "x-sum") == "sum")
    }

    static let attacks: [(String, [(String, String)])] = [
        ("another authority", [(":method", "GET"), (":scheme", "http"), (":authority", "evil.com"), (":path", "/")]),
        ("no authority", [(":method", "GET"), (":scheme", "http"), (":path", "/")]),
        (
            "two authorities",
            [(":method", "GET"), (":scheme", "http"), (":authority", "api.example.com"), (":authority", "evil.com"), (":path", "/")]
        ),
        (
            "another host",
            [(":method", "GET"), (":scheme", "http"), (":authority", "api.example.com"), (":path", "/"), ("host", "evil.com")]
        ),
        ("another scheme", [(":method", "GET"), (":scheme", "https"), (":authority", "api.example.com"), (":path", "/")]),
        ("two paths", [(":method", "GET"), (":scheme", "http"), (":authority", "api.example.com"), (":path", "/"), (":path", "/b")]),
        ("an empty path", [(":method", "GET"), (":scheme", "http"), (":authority", "api.example.com"), (":path", "")]),
        (
            "a path with a line",
            [(":method", "GET"), (":scheme", "http"), (":authority", "api.example.com"), (":path", "/ HTTP/1.1\r\nHost: evil.com\r\n\r\n")]
        ),
        (
            "a method with a line",
            [(":method", "GET / HTTP/1.1\r\nX: "), (":scheme", "http"), (":authority", "api.example.com"), (":path", "/")]
        ),
        ("an absolute path", [(":method", "GET"), (":scheme", "http"), (":authority", "api.example.com"), (":path", "http://evil.com/")]),
        (
            "an unknown pseudo field",
            [(":method", "GET"), (":scheme", "http"), (":authority", "api.example.com"), (":path", "/"), (":status", "200")]
        ),
        ("a late pseudo field", [(":method", "GET"), (":scheme", "http"), (":authority", "api.example.com"), ("x", "y"), (":path", "/")]),
        (
            "extended CONNECT",
            [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "api.example.com"), (":path", "/")]
        ),
        ("CONNECT", [(":method", "CONNECT"), (":authority", "evil.com:443")]),
        ("an upper-case name", HTTP2Client.block("/", [("X-Upper", "a")]).map { ($0.name, $0.value) }),
        ("a name with a line", HTTP2Client.block("/", [("x\r\ny", "a")]).map { ($0.name, $0.value) }),
        ("a value with a line", HTTP2Client.block("/", [("x", "a\r\ny: b")]).map { ($0.name, $0.value) }),
        ("a value with NUL", HTTP2Client.block("/", [("x", "a\0b")]).map { ($0.name, $0.value) }),
        ("a coding", HTTP2Client.block("/", [("transfer-encoding", "chunked")]).map { ($0.name, $0.value) }),
        ("a connection", HTTP2Client.block("/", [("connection", "close")]).map { ($0.name, $0.value) }),
        ("an upgrade", HTTP2Client.block("/", [("upgrade", "websocket")]).map { ($0.name, $0.value) }),
        ("another TE", HTTP2Client.block("/", [("te", "gzip")]).map { ($0.name, $0.value) }),
        ("two lengths", HTTP2Client.block("/", [("content-length", "0"), ("content-length", "5")]).map { ($0.name, $0.value) }),
        ("a length without a body", HTTP2Client.block("/", [("content-length", "5")]).map { ($0.name, $0.value) }),
        ("a large field", HTTP2Client.block("/", [("x", String(repeating: "a", count: 17000))]).map { ($0.name, $0.value) }),
    ]

    @Test("a request that breaks the rules never leaves", arguments: attacks)
    func attack(name: String, fields: [(String, String)]) throws {
        let outcome = try client.send(HPACKHeaders(fields)).wait()
        #expect(outcome.status == "" || outcome.status.hasPrefix("4"), "\(name): \(outcome)")
        #expect(gateway.judged.isEmpty)
        #expect(upstream.connections == 0)
        let incidents = gateway.incidents(awaiting: 1)
        #expect(incidents.map(\.kind.rawValue).allSatisfy { ["smuggling", "malformed", "oversized"].contains($0) })
        #expect(incidents.count == 1, "\(name)")
    }

    @Test("a body that is longer or shorter than it says is not passed as complete", arguments: [3, 9])
    func length(announced: Int) throws {
        let outcome = try client.send(
            HTTP2Client.block("/echo", method: "POST", [("content-length", String(announced))]), pieces: [Array("hello".utf8)]
        ).wait()
        #expect(outcome.status != "200")
    }

    @Test("a malformed stream harms no other stream of the connection")
    func isolation() throws {
        let slow = client.send(HTTP2Client.block("/bidi", method: "POST"), pieces: [[1]], ends: false) { outcome, channel in
            if outcome.body.count == 1 {
                channel.writeAndFlush(
                    HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(ByteBuffer(bytes: [2])), endStream: true)), promise: nil)
            }
        }
        for _ in 0..<20 { _ = try client.send(HTTP2Client.block("/", [("x", "a\r\nb")])).wait() }
        #expect(try client.send(HTTP2Client.block("/echo")).wait().status == "200")
        #expect(try slow.wait().body == [1, 2])
    }

    @Test("an upstream that resets a stream is a 502 for that request alone")
    func upstreamReset() throws {
        #expect(try client.send(HTTP2Client.block("/reset", method: "POST"), pieces: [[1]]).wait().status == "502")
        #expect(try client.send(HTTP2Client.block("/echo")).wait().status == "200")
        #expect(gateway.dials == 1)
    }

    @Test("cookie crumbs are one field upstream, and a path outside ASCII is encoded")
    func normalised() throws {
        let outcome = try client.send(HTTP2Client.block("/é", [("cookie", "a=1"), ("cookie", "b=2")])).wait()
        #expect(outcome.text.contains("cookie: a=1; b=2\n"))
        #expect(outcome.text.hasPrefix("GET /%C3%A9\n"))
    }
}
