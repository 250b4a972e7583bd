import Glibc
import LinuxKernel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport

@testable import HTTPGateway

/// A server that accepts one WebSocket handshake and sends every frame back, unmasked.
final class WebSocketPeer: Sendable {
    let port: Int
    /// The head of the handshake, and the payloads that have come.
    var head: String { log.withLockedValue { $0.head } }
    var payloads: [String] { log.withLockedValue { $0.payloads } }
    private let log = NIOLockedValueBox<(head: String, payloads: [String])>(("", []))
    private let listener: Descriptor
    private let pool = NIOThreadPool(numberOfThreads: 1)

    /// - Parameter fields: further fields of the handshake's answer.
    init(fields: String = "") throws {
        let listener = try Loopback.listen()
        self.listener = listener
        port = try Loopback.port(listener)
        let log = self.log
        pool.start()
        pool.submit { _ in
            let number = listener.acceptedNumber()
            guard number >= 0 else { return }
            let client = RawClient(Descriptor(owning: number))
            let head = client.read(until: "\r\n\r\n")
            log.withLockedValue { $0.head = head }
            try? client.send("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\(fields)\r\n")
            while let (frame, payload) = client.readFrame(isMasked: true) {
                log.withLockedValue { $0.payloads.append(String(buffer: payload)) }
                var bytes = ByteBuffer()
                WebSocketFrame.write(frame.opcode, isFinal: frame.isFinal, payload, into: &bytes)
                try? client.send(Array(bytes.readableBytesView))
            }
        }
    }

    deinit {
        shutdown(listener.number, Int32(SHUT_RDWR))
        try? pool.syncShutdownGracefully()
    }
}

extension RawClient {
    /// The next frame and its payload without a mask; nil when the peer closes.
    func readFrame(isMasked: Bool) -> (WebSocketFrame, ByteBuffer)? {
        var bytes = ByteBuffer()
        // Fragments are looked at one by one: a continuation stands alone as well.
        var reader = WebSocketFrameReader(isMasked: isMasked)
        var head: WebSocketFrame?
        var isContinuation = false
        var payload = ByteBuffer()
        while true {
            // Byte by byte: what follows the frame belongs to the next.
            guard let byte = readByte() else { return nil }
            let isFirst = head == nil && bytes.readableBytes == 0
            if isFirst { isContinuation = byte & 15 == 0 }
            bytes.writeInteger(isFirst && isContinuation ? byte | 2 : byte)
            while let event = try? reader.next(&bytes) {
                switch event {
                case .begin(var frame, _):
                    if isContinuation { frame.opcode = .continuation }
                    head = frame
                case .payload(let piece, let offset):
                    for (index, byte) in piece.readableBytesView.enumerated() {
                        payload.writeInteger(byte ^ (head?.mask?[(Int(offset) + index) & 3] ?? 0))
                    }
                case .end: return head.map { ($0, payload) }
                }
            }
        }
    }

    /// Sends a frame as a client does.
    func send(_ opcode: WebSocketFrame.Opcode, _ text: String, isFinal: Bool = true) throws {
        try send(WebSocketPeer.masked(opcode, Array(text.utf8), isFinal: isFinal))
    }
}

extension WebSocketPeer {
    static func masked(_ opcode: WebSocketFrame.Opcode, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
        let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        var plain = ByteBuffer()
        WebSocketFrame.write(opcode, isFinal: isFinal, ByteBuffer(bytes: payload), into: &plain)
        var bytes = Array(plain.readableBytesView)
        bytes[1] |= 0x80
        return bytes.dropLast(payload.count) + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
    }
}
