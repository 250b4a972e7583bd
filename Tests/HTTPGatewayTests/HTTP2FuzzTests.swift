import NIOCore
import NIOHPACK
import TestSupport
import Testing

@testable import HTTPGateway

/// Hostile frames on the wire (RFC 9113, section 4): headers that lie about their length, streams that do not exist, field blocks that
/// are cut, never end or do not decode.
@Suite struct HTTP2FuzzTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private static func frame(_ kind: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let count = UInt32(payload.count)
        let head = [UInt8(truncatingIfNeeded: count >> 16), UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
        return head + [kind, flags] + (0..<4).map { UInt8(truncatingIfNeeded: stream >> UInt32(24 - 8 * $0)) } + payload
    }

    private static func fields(_ random: inout SeededGenerator) throws -> [UInt8] {
        var headers = HTTP2Client.block(["/", "/echo", "/a?b"].randomElement(using: &random) ?? "/", method: "POST")
        let further = [
            ("x", "y"), ("content-length", "3"), ("te", "trailers"), (":authority", "evil.com"), ("host", "evil.com"),
            ("cookie", String(repeating: "c", count: 4000)), ("connection", "close"),
        ]
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let (name, value) = further.randomElement(using: &random) ?? ("x", "y")
            headers.add(name: name, value: value)
        }
        var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
        var buffer = ByteBuffer()
        try encoder.encode(headers: headers, to: &buffer)
        return Array(buffer.readableBytesView)
    }

    /// A frame of some kind, as RFC 9113 has it or nearly.
    private static func anyFrame(_ random: inout SeededGenerator, stream: UInt32) throws -> [UInt8] {
        func bytes(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
            (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        let other: UInt32 = [stream, stream, stream, 0, 1, stream &+ 2, UInt32.max].randomElement(using: &random) ?? stream
        let flags: UInt8 = [0, 1, 4, 5, 8, 0x20, 0xFF].randomElement(using: &random) ?? 0
        switch Int.random(in: 0...11, using: &random) {
        case 0, 1, 2: return frame(1, [4, 5, 5].randomElement(using: &random) ?? 5, stream, try fields(&random))
        case 3: return frame(0, flags, other, bytes(Int.random(in: 0...40, using: &random), &random))
        case 4:
            let block = try fields(&random)
            let cut = Int.random(in: 0...block.count, using: &random)
            return frame(1, 0, stream, Array(block[..<cut])) + frame(9, flags, other, Array(block[cut...]))
        case 5: return frame(2, flags, other, bytes([0, 4, 5].randomElement(using: &random) ?? 5, &random))
        case 6: return frame(3, flags, other, bytes([3, 4].randomElement(using: &random) ?? 4, &random))
        case 7:
            return frame(
                4, flags, [0, other].randomElement(using: &random) ?? 0, bytes([0, 6, 7, 12].randomElement(using: &random) ?? 6, &random))
        case 8: return frame(5, flags, other, bytes(8, &random))
        case 9:
            return frame(
                6, flags, [0, other].randomElement(using: &random) ?? 0, bytes([7, 8].randomElement(using: &random) ?? 8, &random))
        case 10: return frame(8, flags, other, bytes(4, &random))
        default:
            return frame(UInt8.random(in: 7...255, using: &random), flags, other, bytes(Int.random(in: 0...64, using: &random), &random))
        }
    }

    @Test("hostile frames never crash, judge nothing of another host, and leave other connections alone")
    func frames() throws {
        let upstream = try TestUpstream(.clearHTTP2)
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartextHTTP2)
        let neighbour = try HTTP2Client(gateway.port)
        var random = SeededGenerator(4)
        let rounds = fuzzRounds(300)
        for round in 0..<rounds {
            var wire = Self.preface + Self.frame(4, 0, 0, [])
            for place in 0..<Int.random(in: 1...8, using: &random) {
                wire += try Self.anyFrame(&random, stream: UInt32(1 + 2 * place))
            }
            // Most are well formed on the outside; some are damaged anywhere, or cut.
            if round % 3 == 0 {
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    wire[Int.random(in: 24..<wire.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            if round % 5 == 0 { wire.removeLast(Int.random(in: 0..<wire.count - 24, using: &random)) }
            let client = try gateway.connect()
            // The gateway may have closed before everything is written.
            try? client.send(wire)
            client.endInput()
            if round % 50 == 0 { #expect(try neighbour.send(HTTP2Client.block("/echo")).wait().status == "200") }
        }
        #expect(try neighbour.send(HTTP2Client.block("/echo")).wait().status == "200")
        let fresh = try HTTP2Client(gateway.port)
        #expect(try fresh.send(HTTP2Client.block("/echo")).wait().status == "200")
        #expect(gateway.judged.allSatisfy { $0.authority == "api.example.com" })
        // Requests among them got through to the judge, or the frames were all noise.
        #expect(gateway.judged.count > rounds / 20, "\(gateway.judged.count)")
    }
}
