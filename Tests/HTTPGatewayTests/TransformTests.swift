import HTTPGateway
import NIOCore
import NIOHTTP1
import Substitution
import Testing

/// Bodies that are changed while they pass.
@Suite struct TransformTests {
    /// Replaces one text by another, also where it is split between two pieces.
    private final class Replace: BodyTransform {
        let preservesLength = false
        private let from: String
        private let to: String
        private var held = ""

        init(_ from: String, _ to: String) {
            self.from = from
            self.to = to
        }

        func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws {
            held += String(buffer: bytes)
            if held.contains("FORBIDDEN") {
                throw TransformRefusal(kind: .secret, denial: Denial(rule: "secret", reason: "a secret was about to leave"))
            }
            let text = held.replacing(from, with: to)
            let keep = min(text.count, from.count - 1)
            output.writeString(String(text.dropLast(keep)))
            held = String(text.suffix(keep))
        }

        func finish(into output: inout ByteBuffer) throws {
            output.writeString(held)
            held = ""
        }
    }

    /// Lets everything through but one word.
    private final class Forbid: BodyTransform {
        let preservesLength = true
        private var seen = ""

        func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws {
            seen += String(buffer: bytes)
            guard !seen.contains("FORBIDDEN") else {
                throw TransformRefusal(kind: .secret, denial: Denial(rule: "secret", reason: "a secret was about to leave"))
            }
        }

        func finish(into output: inout ByteBuffer) throws {}
    }

    private final class Transforms: ExchangeTransforms {
        let readsResponse = true
        private var isSigning = false

        func transformRequestHead(_ head: inout HTTPGateway.RequestHead) throws {
            if head.headers.contains(where: { $0.value.contains("STUB") }) {
                throw TransformRefusal(kind: .stub, denial: Denial(rule: "stub", reason: "the stub is not granted there"))
            }
            head.headers.replaceOrAdd(name: "X-Signed", value: "yes")
            isSigning = head.path.hasPrefix("/signed")
        }
        func requestBody(for head: HTTPGateway.RequestHead) -> (any BodyTransform)? { Replace("STUB", "secret-value") }
        func transformResponseHead(_ head: inout ResponseHead) throws {
            head.headers = HTTPHeaders(head.headers.map { ($0.name, $0.value.replacing("secret-value", with: "STUB")) })
        }
        func responseBody(for head: ResponseHead) -> (any BodyTransform)? { Replace("secret-value", "STUB") }
        func checkRequestTrailers(_ trailers: HTTPHeaders) throws {
            if trailers.contains(where: { $0.value.contains("FORBIDDEN") }) {
                throw TransformRefusal(kind: .secret, denial: Denial(rule: "secret", reason: "a secret was about to leave"))
            }
        }
        func transformResponseTrailers(_ trailers: inout HTTPHeaders) {
            trailers = HTTPHeaders(trailers.map { ($0.name, $0.value.replacing("secret-value", with: "STUB")) })
        }
        var signsBody: Bool { isSigning }
        func signBody(_ body: ByteBuffer, _ head: inout HTTPGateway.RequestHead) throws {
            head.headers.replaceOrAdd(name: "X-Signed", value: "\(body.readableBytes) of \(head.contentLength.map { "\($0)" } ?? "?")")
        }
        var readsMessages: Bool { true }
        func outgoingMessages() -> any BodyTransform { Forbid() }
        func incomingMessages() -> any BodyTransform { Replace("secret-value", "STUB") }
    }

    struct Provider: TransformProvider {
        func transforms(for request: HTTPGateway.RequestHead, injections: [Injection], on connection: ConnectionInfo) -> (
            any ExchangeTransforms
        )? {
            Transforms()
        }
    }

    private func gateway(_ port: Int) throws -> TestGateway {
        try TestGateway(upstream: port, transport: .cleartext, transforms: Provider())
    }

    @Test("a small body goes up with its new length, and the response comes down without the secret")
    func small() throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try gateway(upstream.port)
        let client = try gateway.connect()
        try client.send(
            "POST /echo HTTP/1.1\r\nHost: api.example.com\r\nAccept-Encoding: gzip\r\nConnection: close\r\nContent-Length: 12\r\n\r\n{\"k\":\"STUB\"}"
        )
        let answer = client.readAll()
        #expect(answer.contains("content-length: 20\n"), "\(answer)")
        #expect(answer.contains("accept-encoding: identity\n"))
        #expect(answer.contains("x-signed: yes\n"))
        // The body comes in chunks: its end is the last of them.
        #expect(answer.hasSuffix("STUB\"}\r\n0\r\n\r\n"))
        #expect(!answer.contains("secret-value"))
    }

    @Test("a chunked body stays chunked")
    func chunked() throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try gateway(upstream.port)
        let client = try gateway.connect()
        try client.send(
            "POST /count HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nST\r\n2\r\nUB\r\n0\r\n\r\n"
        )
        #expect(client.readAll().contains("12"))
        #expect(upstream.requests[0].contains("transfer-encoding: chunked"))
    }

    @Test("a stub that nothing replaced does not leave, nor does a secret")
    func refused() throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try gateway(upstream.port)
        let client = try gateway.connect()
        try client.send("GET /echo HTTP/1.1\r\nHost: api.example.com\r\nX-Other: STUB\r\n\r\n")
        #expect(client.read(until: "there\n").hasPrefix("HTTP/1.1 403"))
        try client.send("POST /echo HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 9\r\n\r\nFORBIDDEN")
        #expect(client.read(until: "leave\n").hasPrefix("HTTP/1.1 403"))
        #expect(upstream.requests.isEmpty)
        #expect(gateway.incidents(awaiting: 2).map(\.kind) == [.stub, .secret])
    }

    private func answer(
        _ head: String, body: [UInt8], version: String = "1.1", incidents: Int = 1
    ) throws -> (answer: String, incidents: [Incident]) {
        let server = try ScriptedServer([head + "Content-Length: \(body.count)\r\n\r\n"], body: body)
        let gateway = try gateway(server.port)
        let client = try gateway.connect()
        try client.send("GET / HTTP/\(version)\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        return (client.readAll(), gateway.incidents(awaiting: incidents))
    }

    @Test("a response that is compressed all the same is decoded and read")
    func compressedResponse() throws {
        // "the secret-value is here", by gzip(1).
        let packed: [UInt8] = [
            0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2B, 0xC9, 0x48, 0x55, 0x28, 0x4E, 0x4D, 0x2E, 0x4A, 0x2D, 0xD1,
            0x2D, 0x4B, 0xCC, 0x29, 0x4D, 0x55, 0xC8, 0x2C, 0x56, 0xC8, 0x48, 0x2D, 0x4A, 0x05, 0x00, 0x49, 0xD9, 0x62, 0x07, 0x18, 0x00,
            0x00, 0x00,
        ]
        let answer = try answer(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\n", body: packed, version: "1.0",
            incidents: 0
        ).answer
        #expect(answer.contains("the STUB is here"), "\(answer)")
        let head = answer.lowercased()
        #expect(!head.contains("content-encoding") && !head.contains("accept-ranges") && head.contains("etag: w/\"a\"\r\n"))
    }

    @Test(
        "a response in a coding that is not read, or a part of compressed data, does not pass",
        arguments: ["200 OK\r\nContent-Encoding: br", "200 OK\r\nContent-Encoding: gzip, gzip", "206 Part\r\nContent-Encoding: gzip"])
    func encoded(head: String) throws {
        let (answer, incidents) = try answer("HTTP/1.1 \(head)\r\n", body: Array("abc".utf8))
        #expect(answer.hasPrefix("HTTP/1.1 502") && answer.contains("cannot be searched"))
        #expect(incidents.map(\.kind) == [.upstream])
    }

    @Test("compressed data that is none breaks the response off")
    func malformedResponse() throws {
        let (answer, incidents) = try answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n", body: Array("secret-value".utf8))
        #expect(!answer.contains("secret") && !answer.hasSuffix("0\r\n\r\n"), "\(answer)")
        #expect(incidents.map(\.kind) == [.malformed])
    }

    @Test("a secret does not leave in trailers, and does not come in in them")
    func trailers() throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try gateway(upstream.port)
        let head = "POST /trailers HTTP/1.1\r\nHost: api.example.com\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n"
        let client = try gateway.connect()
        try client.send(head + "Connection: close\r\n\r\n2\r\nab\r\n0\r\nX-Part: secret-value\r\n\r\n")
        let answer = client.readAll()
        #expect(answer.hasSuffix("x-sum: STUB\r\n\r\n"), "\(answer)")
        let second = try gateway.connect()
        try second.send(head + "\r\n2\r\nab\r\n0\r\nX-Part: FORBIDDEN\r\n\r\n")
        #expect(second.read(until: "leave\n").hasPrefix("HTTP/1.1 403"))
        #expect(gateway.incidents(awaiting: 1).map(\.kind) == [.secret])
    }

    @Test("a body that the head's signature covers is held until it is known, and no longer than the limit")
    func signedBody() throws {
        let upstream = try TestUpstream(.clear)
        var limits = MessageLimits()
        limits.signedBody = 1000
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext, limits: limits, transforms: Provider())
        func send(_ fields: String, _ body: String) throws -> String {
            let client = try gateway.connect()
            try client.send("POST /signed HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\(fields)\r\n\r\n\(body)")
            return client.readAll()
        }
        #expect(try send("Content-Length: 4", "STUB").hasPrefix("HTTP/1.1 200"))
        #expect(try send("Transfer-Encoding: chunked", "2\r\nab\r\n0\r\n\r\n").hasPrefix("HTTP/1.1 200"))
        #expect(try send("Content-Length: 0", "").hasPrefix("HTTP/1.1 200"))
        #expect(upstream.requests.map { $0.contains("x-signed: 12 of 4") } == [true, false, false])
        #expect(upstream.requests[1].contains("x-signed: 2 of ?") && upstream.requests[1].contains("content-length: 2"))
        #expect(upstream.requests[2].contains("x-signed: 0 of 0"))
        #expect(try send("Content-Length: 1001", String(repeating: "x", count: 1001)).contains("too large to be held"))
        #expect(upstream.requests.count == 3)
    }
}
