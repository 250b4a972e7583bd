import NIOCore

/// A server's frames on their way in: payloads are changed, and framed anew where their length is another.
///
/// A frame stays one frame up to `held` bytes; a larger one becomes several fragments, so that memory stays bounded.
final class IncomingFrames: BodyTransform {
    let preservesLength = false
    private static let held = 64 << 10

    private var reader = WebSocketFrameReader(isMasked: false)
    private var unread = ByteBuffer()
    private var frame: WebSocketFrame?
    private let messages: any BodyTransform
    private let controls: any BodyTransform
    /// What the next fragment is written as: the message's kind first, then `continuation`.
    private var opcode = WebSocketFrame.Opcode.continuation
    private var payload = ByteBuffer()
    private var controlPayload = ByteBuffer()

    /// - Parameters:
    ///   - messages: changes text and binary messages. It is finished at the end of each, and goes on with the next.
    ///   - controls: likewise, for pings, pongs and the reason of a close.
    init(messages: any BodyTransform, controls: any BodyTransform) {
        self.messages = messages
        self.controls = controls
    }

    func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws {
        if unread.readableBytes == 0 { unread = bytes } else { unread.writeImmutableBuffer(bytes) }
        while let event = try reader.next(&unread) {
            switch event {
            case .begin(let frame, _):
                self.frame = frame
                if !frame.isControl, frame.opcode != .continuation { opcode = frame.opcode }
            case .payload(let piece, _):
                if frame?.isControl == true {
                    try controls.feed(piece, into: &controlPayload)
                } else {
                    try messages.feed(piece, into: &payload)
                    if payload.readableBytes >= Self.held { writeFragment(isFinal: false, into: &output) }
                }
            case .end: try endFrame(into: &output)
            }
        }
        if unread.readableBytes == 0 { unread.clear() }
    }

    func finish(into output: inout ByteBuffer) throws {}

    private func endFrame(into output: inout ByteBuffer) throws {
        guard let frame else { return }
        self.frame = nil
        if frame.isControl {
            try controls.finish(into: &controlPayload)
            Self.shorten(&controlPayload)
            WebSocketFrame.write(frame.opcode, isFinal: true, controlPayload, into: &output)
            controlPayload.clear()
        } else if frame.isFinal {
            try messages.finish(into: &payload)
            writeFragment(isFinal: true, into: &output)
        } else if payload.readableBytes > 0 {
            writeFragment(isFinal: false, into: &output)
        }
    }

    private func writeFragment(isFinal: Bool, into output: inout ByteBuffer) {
        WebSocketFrame.write(opcode, isFinal: isFinal, payload, into: &output)
        opcode = .continuation
        payload.clear()
    }

    /// What a frame of control can carry, cut between two characters.
    private static func shorten(_ payload: inout ByteBuffer) {
        guard payload.readableBytes > WebSocketFrame.controlPayload else { return }
        var count = WebSocketFrame.controlPayload
        while count > 0, let next = payload.getInteger(at: payload.readerIndex + count, as: UInt8.self), next & 0xC0 == 0x80 { count -= 1 }
        payload = payload.getSlice(at: payload.readerIndex, length: count) ?? payload
    }
}
