import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import HTTPGateway

/// Hostile bytes for everything that reads heads and chunks. What is accepted must be written so that it reads the same.
@Suite struct ParserFuzzTests {
    private let connection = ConnectionInfo(id: 1, name: "api.example.com", port: 80, transport: .cleartext)

    private static let pieces = [
        "GET ", "POST ", "/", "/a?b=c", "http://api.example.com/", "*", " HTTP/1.1\r\n", " HTTP/1.0\r\n", "Host: api.example.com\r\n",
        "host:api.example.com\r\n",
        "Content-Length: 5\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n",
        "Connection: upgrade, x\r\n",
        "Upgrade: websocket\r\n", "TE: trailers\r\n", "Expect: 100-continue\r\n", "X: y\r\n", "X:\r\n", "\r\n", "\n", "\r", "\0", " ", "\t",
        ":", "é", "%00", "\u{7F}", "\r\n ",
    ]

    @Test("requests: refused, or written again so that they read the same")
    func requests() throws {
        var random = SeededGenerator(1)
        let parser = HTTP1RequestParser(connection: connection, limits: MessageLimits())
        var accepted = 0
        for round in 0..<fuzzRounds(60_000) {
            var text = "GET / HTTP/1.1\r\nHost: api.example.com\r\n"
            if round % 4 == 0 { text = "" }
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let piece = Self.pieces.randomElement(using: &random) ?? ""
                if Bool.random(using: &random) || text.isEmpty {
                    text += piece
                } else {
                    let index = text.utf8.index(text.startIndex, offsetBy: Int.random(in: 0...text.utf8.count, using: &random))
                    text = String(decoding: Array(text.utf8[..<index]) + Array(piece.utf8) + Array(text.utf8[index...]), as: UTF8.self)
                }
            }
            guard let request = try? parse(parser, Array((text + "\r\n").utf8)) else { continue }
            accepted += 1
            #expect(request.head.authority == "api.example.com")
            #expect(request.head.path == "*" || request.head.path.utf8.first == 0x2F)
            var written = ByteBuffer()
            HTTP1Writer.write(request.head, framing: request.framing, acceptsTrailers: request.acceptsTrailers, into: &written)
            let again = try #require(try? parse(parser, Array(written.readableBytesView)), "\(text.debugDescription)")
            #expect(again.framing == request.framing)
            #expect(
                again.head.method == request.head.method && again.head.path == request.head.path
                    && again.head.headers == request.head.headers)
        }
        #expect(accepted > fuzzRounds(60_000) / 12)
    }

    @Test("chunks: any cut gives the same bytes, and nothing is read beyond the end")
    func chunks() throws {
        var random = SeededGenerator(2)
        for _ in 0..<fuzzRounds(3000) {
            var wire = ""
            var body = ""
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                let piece = String(repeating: "x", count: Int.random(in: 1...40, using: &random))
                wire += String(piece.utf8.count, radix: 16) + (Bool.random(using: &random) ? ";a=b" : "") + "\r\n" + piece + "\r\n"
                body += piece
            }
            wire += "0\r\n" + (Bool.random(using: &random) ? "X-T: v\r\n" : "") + "\r\n" + "NEXT"
            var decoder = ChunkedDecoder(limits: MessageLimits())
            var buffer = ByteBuffer()
            var got = ""
            var isEnded = false
            var rest = Array(wire.utf8)[...]
            while !isEnded {
                let count = min(rest.count, Int.random(in: 1...7, using: &random))
                buffer.writeBytes(rest.prefix(count))
                rest = rest.dropFirst(count)
                step: while true {
                    switch try decoder.decode(&buffer) {
                    case .bytes(let bytes): got += String(buffer: bytes)
                    case .end:
                        isEnded = true
                        break step
                    case nil: break step
                    }
                }
                if rest.isEmpty { break }
            }
            #expect(isEnded && got == body)
            #expect(String(buffer: buffer) + String(decoding: rest, as: UTF8.self) == "NEXT")
        }
    }

    /// What chunks hold that come in the given pieces, and whether they end or are refused.
    private func decode(_ pieces: [ArraySlice<UInt8>]) -> (bytes: [UInt8], isEnded: Bool, isRefused: Bool) {
        var decoder = ChunkedDecoder(limits: MessageLimits())
        var buffer = ByteBuffer()
        var bytes: [UInt8] = []
        for piece in pieces {
            buffer.writeBytes(piece)
            do {
                step: while true {
                    switch try decoder.decode(&buffer) {
                    case .bytes(let some): bytes += Array(some.readableBytesView)
                    case .end: return (bytes, true, false)
                    case nil: break step
                    }
                }
            } catch { return (bytes, false, true) }
        }
        return (bytes, false, false)
    }

    @Test("broken chunks mean the same however they are cut, and nothing of a broken response is a second field or line")
    func broken() {
        var ends = 0
        var refusals = 0
        var responses = 0
        var random = SeededGenerator(3)
        let parser = HTTP1ResponseParser(limits: MessageLimits())
        let request = RequestHead(method: "GET", scheme: "http", authority: "api.example.com", path: "/")
        for _ in 0..<fuzzRounds(30_000) {
            var text = "5;a\r\nhello\r\n0\r\nX: y\r\n\r\n"
            var head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close, x\r\n\r\n"
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                text = mutate(text, &random)
                head = mutate(head, &random)
            }
            let chunks = Array(text.utf8)
            let whole = decode([chunks[...]])
            let isSame = whole == decode(chunks.indices.map { chunks[$0...$0] })
            #expect(isSame, "\(text.debugDescription)")
            ends += whole.isEnded ? 1 : 0
            refusals += whole.isRefused ? 1 : 0
            let bytes = Array(head.utf8)
            guard let response = try? bytes.withUnsafeBytes({ try parser.parse($0, to: request) }) else { continue }
            responses += 1
            #expect((100...599).contains(response.head.status))
            let lines = [response.head.reason] + response.head.headers.flatMap { [$0.name, $0.value] }
            #expect(!lines.joined().utf8.contains { $0 == 0 || $0 == 0x0A || $0 == 0x0D }, "\(head.debugDescription)")
        }
        // Some of each, or nothing is shown.
        #expect(ends > 100 && refusals > 100 && responses > 100, "\(ends) \(refusals) \(responses)")
    }

    @Test("a head is found once, at any cut, or refused")
    func finder() throws {
        let wire = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET".utf8)
        for cut in 0..<wire.count {
            var finder = HeadFinder()
            var buffer = ByteBuffer(bytes: wire[..<cut])
            let first = try finder.find(in: buffer, limit: 1000)
            buffer.writeBytes(wire[cut...])
            #expect(try first ?? finder.find(in: buffer, limit: 1000) == wire.count - 3)
        }
    }

    private func mutate(_ text: String, _ random: inout SeededGenerator) -> String {
        var bytes = Array(text.utf8)
        let index = Int.random(in: 0..<max(bytes.count, 1), using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0 where !bytes.isEmpty: bytes[index] = UInt8.random(in: 0...127, using: &random)
        case 1 where !bytes.isEmpty: bytes.remove(at: index)
        default: bytes.insert(UInt8.random(in: 0...127, using: &random), at: min(index, bytes.count))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// As the connection does it: the head ends at the first empty line.
    private func parse(_ parser: HTTP1RequestParser, _ bytes: [UInt8]) throws -> IncomingRequest {
        var finder = HeadFinder()
        guard let length = try finder.find(in: ByteBuffer(bytes: bytes), limit: 64 << 10), length > 2 else {
            throw MessageError.malformed("")
        }
        return try bytes.withUnsafeBytes { try parser.parse(UnsafeRawBufferPointer(rebasing: $0[0..<length]), stream: 1) }
    }
}
