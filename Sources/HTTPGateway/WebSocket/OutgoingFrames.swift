import NIOCore

/// A client's frames on their way out: each payload is looked through without its mask, and then passes as it came.
final class OutgoingFrames: BodyTransform {
    let preservesLength = true
    private var reader = WebSocketFrameReader(isMasked: true)
    private var held = ByteBuffer()
    private var frame: WebSocketFrame?
    /// Messages are one stream, so that what is divided between frames or messages is seen. Frames of control, which may stand between
    /// them, are another.
    private let messages: any BodyTransform
    private let controls: any BodyTransform
    /// What the transforms let through; the masked bytes are sent in its place.
    private var unused = ByteBuffer()

    /// - Parameters:
    ///   - messages: looks through text and binary messages; what it gives out is not used.
    ///   - controls: likewise, for pings, pongs and the reason of a close.
    init(messages: any BodyTransform, controls: any BodyTransform) {
        self.messages = messages
        self.controls = controls
    }

    func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws {
        if held.readableBytes == 0 { held = bytes } else { held.writeImmutableBuffer(bytes) }
        while let event = try reader.next(&held) {
            switch event {
            case .begin(let frame, let head):
                self.frame = frame
                output.writeImmutableBuffer(head)
            case .payload(let masked, let offset):
                guard let frame, let mask = frame.mask else { continue }
                var plain = masked
                let start = Int(offset & 3)
                plain.withUnsafeMutableReadableBytes { bytes in
                    for index in bytes.indices { bytes[index] ^= mask[(start + index) & 3] }
                }
                unused.clear()
                try (frame.isControl ? controls : messages).feed(plain, into: &unused)
                output.writeImmutableBuffer(masked)
            case .end: frame = nil
            }
        }
        if held.readableBytes == 0 { held.clear() }
    }

    /// A part of a head at the end is nobody's message.
    func finish(into output: inout ByteBuffer) throws {}
}
