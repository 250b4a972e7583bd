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

        func finish(into output: inout ByteBuffer) throws { output.writeString(held) }
    }

    private final class Transforms: ExchangeTransforms {
        let readsResponse = true

        func transformRequestHead(_ head: inout HTTPGateway.RequestHead) throws {
            if head.headers.contains(where: { $0.value.contains("STUB") }) {
                throw TransformRefusal(kind: .stub, denial: Denial(rule: "stub", reason: "the stub is not granted there"))
            }
            head.headers.replaceOrAdd(name: "X-Signed", value: "yes")
        }
        func requestBody(for head: HTTPGateway.RequestHead) -> (any BodyTransform)? { Replace("STUB", "secret-value") }
        func transformResponseHead(_ head: inout ResponseHead) throws {
            head.headers = HTTPHeaders(head.headers.map { ($0.name, $0.value.replacing("secret-value", with: "STUB")) })
        }
        func responseBody(for head: ResponseHead) -> (any BodyTransform)? { Replace("secret-value", "STUB") }
    }

    private struct Provider: TransformProvider {
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
        #expect(gateway.incidents.map(\.kind) == [.stub, .secret])
    }

    @Test("a response that is compressed all the same does not pass unread")
    func encoded() throws {
        let server = try ScriptedServer(["HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"])
        let gateway = try gateway(server.port)
        let client = try gateway.connect()
        try client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        #expect(client.readAll().hasPrefix("HTTP/1.1 502"))
    }
}
