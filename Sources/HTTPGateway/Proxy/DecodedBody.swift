import NIOCore
import Substitution

/// A compressed body, decoded before another transform reads it.
final class DecodedBody: BodyTransform {
    let preservesLength = false
    private let inflater: Inflater
    private let inner: any BodyTransform

    private init(_ coding: ContentCoding, _ inner: any BodyTransform) {
        inflater = Inflater(coding)
        self.inner = inner
    }

    /// What has `transform` read a response's plain bytes; nil where they cannot be had. The head is changed accordingly.
    static func reader(of head: inout ResponseHead, _ transform: any BodyTransform) -> (any BodyTransform)? {
        let coding = ContentCoding(head.headers["content-encoding"])
        if coding == .identity { return transform }
        // A part of compressed data cannot be decoded.
        guard coding != .other, head.status != 206 else { return nil }
        head.headers.remove(name: "content-encoding")
        head.headers.remove(name: "accept-ranges")
        // It stands for the compressed bytes (RFC 9110 §8.8.3.3).
        if let tag = head.headers.first(name: "etag"), tag.hasPrefix("\"") { head.headers.replaceOrAdd(name: "ETag", value: "W/" + tag) }
        return DecodedBody(coding, transform)
    }

    func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws {
        try bytes.withUnsafeReadableBytes { piece in
            try inflater.process(piece) { try inner.feed(ByteBuffer(bytes: $0), into: &output) }
        }
    }

    func finish(into output: inout ByteBuffer) throws {
        try inflater.finish()
        try inner.finish(into: &output)
    }
}
