import NIOCore

/// A streaming change of a body: bytes go in, bytes come out, at any pace.
///
/// A transform belongs to one direction of one exchange and is called only on that exchange's event loop.
public protocol BodyTransform: AnyObject {
    /// Whether exactly as many bytes come out as go in, so that `Content-Length` stays true (a scanner, for instance).
    var preservesLength: Bool { get }
    /// Takes all of `bytes` and appends what is ready to `output`.
    ///
    /// - Throws: `TransformRefusal` when the exchange must not go on.
    func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws
    /// Appends what was held back; called once, after the last byte.
    func finish(into output: inout ByteBuffer) throws
}
