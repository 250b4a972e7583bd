/// A message of a protocol over a `MessageChannel`. On the wire: a 32-bit length of what follows, a type byte, a byte with
/// the number of descriptors that travel with the message, and the fields.
public protocol WireMessage: Sendable {
    /// The largest message that is accepted, in bytes after the length.
    static var sizeLimit: Int { get }
    /// Whether messages may hold secrets: the channel then overwrites its copies of them.
    static var carriesSecrets: Bool { get }

    /// The whole message, its length first.
    func encoded(descriptors: Int) -> [UInt8]

    /// Decodes what follows the length: type, descriptor count and fields. Trailing bytes are an error.
    static func decode(_ body: [UInt8]) throws(WireError) -> (frame: Self, descriptors: Int)
}

extension WireMessage {
    public static var carriesSecrets: Bool { false }
}
