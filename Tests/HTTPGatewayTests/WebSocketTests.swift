import NIOCore
import TestSupport
import Testing

@testable import HTTPGateway

/// WebSocket messages that are looked through (RFC 6455).
@Suite struct WebSocketTests {
    /// Collects what passes, and replaces one byte by two.
    private final class Doubling: BodyTransform {
        let preservesLength = false
        var seen: [UInt8] = []
        var ends = 0

        func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws {
            seen += Array(bytes.readableBytesView)
            for byte in bytes.readableBytesView { output.writeBytes(byte == 0x21 ? [0x3F, 0x3F] : [byte]) }
        }

        func finish(into output: inout ByteBuffer) throws { ends += 1 }
    }

    private static let handshake =
        "GET /chat HTTP/1.1\r\nHost: api.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

    /// Messages and frames of control of any size and number of fragments, as a client or a server sends them.
    private func traffic(_ random: inout SeededGenerator, masked: Bool) -> (bytes: [UInt8], messages: [[UInt8]], controls: [[UInt8]]) {
        var bytes: [UInt8] = []
        var messages: [[UInt8]] = []
        var controls: [[UInt8]] = []
        func frame(_ opcode: WebSocketFrame.Opcode, _ payload: [UInt8], isFinal: Bool) {
            if masked {
                bytes += WebSocketPeer.masked(opcode, payload, isFinal: isFinal)
            } else {
                var frame = ByteBuffer()
                WebSocketFrame.write(opcode, isFinal: isFinal, ByteBuffer(bytes: payload), into: &frame)
                bytes += Array(frame.readableBytesView)
            }
        }
        func payload(_ limit: Int) -> [UInt8] {
            (0..<Int.random(in: 0...limit, using: &random)).map { _ in UInt8.random(in: 0x20...0x7E, using: &random) }
        }
        for _ in 0..<3 {
            var message: [UInt8] = []
            let parts = Int.random(in: 1...4, using: &random)
            for part in 1...parts {
                let text = payload([3, 130, 300, 70_000].randomElement(using: &random) ?? 3)
                message += text
                frame(part == 1 ? .text : .continuation, text, isFinal: part == parts)
                if Bool.random(using: &random) {
                    controls.append(payload(100))
                    frame(.ping, controls.last ?? [], isFinal: true)
                }
            }
            messages.append(message)
        }
        return (bytes, messages, controls)
    }

    private func pass(_ bytes: [UInt8], through transform: any BodyTransform, _ random: inout SeededGenerator) throws -> ByteBuffer {
        var output = ByteBuffer()
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, [1, 5, 1000, 100_000].randomElement(using: &random) ?? 1)
            try transform.feed(ByteBuffer(bytes: rest.prefix(count)), into: &output)
            rest = rest.dropFirst(count)
        }
        return output
    }

    @Test("a client's frames pass as they are, and are read without their mask, however they are cut")
    func outgoing() throws {
        var random = SeededGenerator(21)
        for _ in 0..<20 {
            let (bytes, messages, controls) = traffic(&random, masked: true)
            let (seen, seenControls) = (Doubling(), Doubling())
            let output = try pass(bytes, through: OutgoingFrames(messages: seen, controls: seenControls), &random)
            #expect(Array(output.readableBytesView) == bytes)
            #expect(seen.seen == messages.flatMap { $0 } && seenControls.seen == controls.flatMap { $0 })
        }
    }

    @Test("a server's messages arrive changed, in frames that are true, with control between them")
    func incoming() throws {
        var random = SeededGenerator(22)
        func changed(_ bytes: [UInt8]) -> [UInt8] { bytes.flatMap { $0 == 0x21 ? [0x3F, 0x3F] : [$0] } }
        for _ in 0..<20 {
            let (bytes, messages, controls) = traffic(&random, masked: false)
            let transform = Doubling()
            var output = try pass(bytes, through: IncomingFrames(messages: transform, controls: Doubling()), &random)
            var reader = WebSocketFrameReader(isMasked: false)
            var found: [[UInt8]] = [[]]
            var foundControls: [[UInt8]] = []
            var frame: WebSocketFrame?
            while let event = try reader.next(&output) {
                switch event {
                case .begin(let head, _):
                    frame = head
                    if head.isControl { foundControls.append([]) }
                case .payload(let piece, _):
                    if frame?.isControl == true {
                        foundControls[foundControls.count - 1] += Array(piece.readableBytesView)
                    } else {
                        found[found.count - 1] += Array(piece.readableBytesView)
                    }
                case .end: if frame?.isControl == false, frame?.isFinal == true { found.append([]) }
                }
            }
            #expect(output.readableBytes == 0 && found == messages.map(changed) + [[]])
            #expect(foundControls == controls.map { Array(changed($0).prefix(125)) } && transform.ends == messages.count)
        }
    }

    @Test(
        "frames that break the protocol are refused",
        arguments: [
            [0xC1, 0x80, 0, 0, 0, 0], [0x83, 0x80], [0x81, 0x01, 0x61], [0x80, 0x80, 0, 0, 0, 0], [0x09, 0x80, 0, 0, 0, 0],
            [0x89, 0xFE, 0, 0x7E], [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], [0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0],
        ] as [[UInt8]])
    func malformed(bytes: [UInt8]) {
        var output = ByteBuffer()
        let frames = OutgoingFrames(messages: Doubling(), controls: Doubling())
        #expect(throws: MessageError.self) { try frames.feed(ByteBuffer(bytes: bytes), into: &output) }
    }

    @Test("any bytes are refused or read, and the same however they are cut")
    func noise() {
        /// What was looked at, what passed, and whether it was refused.
        func read(_ pieces: [ArraySlice<UInt8>], isMasked: Bool) -> (seen: [[UInt8]], output: [UInt8], isRefused: Bool) {
            let (messages, controls) = (Doubling(), Doubling())
            let frames: any BodyTransform =
                isMasked ? OutgoingFrames(messages: messages, controls: controls) : IncomingFrames(messages: messages, controls: controls)
            var output = ByteBuffer()
            var isRefused = false
            do { for piece in pieces { try frames.feed(ByteBuffer(bytes: piece), into: &output) } } catch { isRefused = true }
            return ([messages.seen, controls.seen], Array(output.readableBytesView), isRefused)
        }
        var passed = [0, 0]
        var refused = [0, 0]
        var random = SeededGenerator(23)
        for round in 0..<20_000 {
            let bytes = (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) & (round % 2 == 0 ? 0x8F : 0xFF) }
            for (side, isMasked) in [true, false].enumerated() {
                let whole = read([bytes[...]], isMasked: isMasked)
                let single = read(bytes.indices.map { bytes[$0...$0] }, isMasked: isMasked)
                #expect(whole.isRefused == single.isRefused && whole.seen == single.seen, "\(bytes)")
                // What a client sends passes as it is.
                if isMasked { #expect(bytes.starts(with: whole.output) && whole.output == single.output, "\(bytes)") }
                if whole.isRefused { refused[side] += 1 } else { passed[side] += 1 }
            }
        }
        #expect((passed + refused).allSatisfy { $0 > 50 }, "\(passed) \(refused)")
    }

    @Test("messages are scrubbed on their way in; one with a secret closes the connection and does not leave")
    func exchange() throws {
        let peer = try WebSocketPeer()
        let gateway = try TestGateway(upstream: peer.port, transport: .cleartext, transforms: TransformTests.Provider())
        let client = try gateway.connect()
        try client.send(Self.handshake)
        #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 101"))
        #expect(!peer.head.lowercased().contains("extensions"), "a compressed message could not be read")
        try client.send(.text, "it is secret-value, really")
        var answer = try #require(client.readFrame(isMasked: false))
        #expect(answer.0.opcode == .text && String(buffer: answer.1) == "it is STUB, really")
        try client.send(.text, "secret-", isFinal: false)
        try client.send(.ping, "secret-value")
        try client.send(.continuation, "value")
        var text = ""
        repeat {
            answer = try #require(client.readFrame(isMasked: false))
            if answer.0.opcode == .ping { #expect(String(buffer: answer.1) == "STUB") } else { text += String(buffer: answer.1) }
        } while answer.0.isControl || !answer.0.isFinal
        #expect(text == "STUB")
        try client.send(.binary, "FORB", isFinal: false)
        try client.send(.continuation, "IDDEN")
        repeat { answer = try #require(client.readFrame(isMasked: false)) } while answer.0.opcode != .close
        #expect(answer.1.getInteger(at: 0, as: UInt16.self) == 1008 && String(buffer: answer.1).hasSuffix("a secret was about to leave"))
        client.endInput()
        #expect(client.readAll() == "")
        #expect(gateway.incidents(awaiting: 1).map(\.kind) == [.secret])
        #expect(!peer.payloads.joined().contains("IDDEN"), "\(peer.payloads)")
    }

    @Test("bytes that are no frames close the connection")
    func noFrames() throws {
        let peer = try WebSocketPeer()
        let gateway = try TestGateway(upstream: peer.port, transport: .cleartext, transforms: TransformTests.Provider())
        let client = try gateway.connect()
        try client.send(Self.handshake)
        _ = client.read(until: "\r\n\r\n")
        try client.send("GET / HTTP/1.1\r\n\r\n")
        let answer = try #require(client.readFrame(isMasked: false))
        #expect(answer.0.opcode == .close && answer.1.getInteger(at: 0, as: UInt16.self) == 1002)
        #expect(gateway.incidents(awaiting: 1).map(\.kind) == [.malformed])
    }

    @Test("a server that compresses messages without having been asked to is a failure")
    func extended() throws {
        let peer = try WebSocketPeer(fields: "Sec-WebSocket-Extensions: permessage-deflate\r\n")
        let gateway = try TestGateway(upstream: peer.port, transport: .cleartext, transforms: TransformTests.Provider())
        let client = try gateway.connect()
        try client.send(Self.handshake)
        #expect(client.read(until: "offered\n").hasPrefix("HTTP/1.1 502"))
    }
}
