import Crypto

/// The key of a log, ready for use: the two hash states that every HMAC begins with are computed once (RFC 2104, section 4).
struct ChainKey: Sendable {
    static let byteCount = 32

    private let bytes: [UInt8]
    private let beginning: HMAC<SHA256>

    /// - Parameter bytes: 32 random bytes.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        beginning = HMAC<SHA256>(key: SymmetricKey(data: bytes))
    }

    /// A new key, from the kernel's generator (getrandom(2)).
    static func random() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// The same key with hash states of its own: threads that share one object contend for its reference count.
    func separate() -> ChainKey { ChainKey(bytes) }

    func code(of message: UnsafeRawBufferPointer) -> MessageCode {
        var hash = beginning
        hash.update(data: message)
        return hash.finalize().withUnsafeBytes { MessageCode(bytes: $0) }
    }
}
