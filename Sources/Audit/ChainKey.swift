import Crypto

/// The key of a log, ready for use: HMAC-SHA256 (RFC 2104) with the two hash states that every code begins with computed once.
///
/// Written out over the library's SHA-256, for its own HMAC is generic code that is not specialised for a caller: that costs as much
/// as the hash itself, and a verifier does little else.
struct ChainKey: Sendable {
    static let byteCount = 32

    private let bytes: [UInt8]
    private let inner: SHA256
    private let outer: SHA256

    /// - Parameter bytes: 32 random bytes.
    init(_ bytes: [UInt8]) {
        precondition(bytes.count == ChainKey.byteCount)
        self.bytes = bytes
        let block = bytes + [UInt8](repeating: 0, count: SHA256.blockByteCount - bytes.count)
        inner = ChainKey.beginning(block.map { $0 ^ 0x36 })
        outer = ChainKey.beginning(block.map { $0 ^ 0x5C })
    }

    private static func beginning(_ block: [UInt8]) -> SHA256 {
        var hash = SHA256()
        block.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash
    }

    /// A new key, from the kernel's generator (getrandom(2)).
    static func random() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// The same key with hash states of its own: threads that share one object contend for its reference count.
    func separate() -> ChainKey { ChainKey(bytes) }

    func code(of message: UnsafeRawBufferPointer) -> MessageCode {
        var hash = inner
        hash.update(bufferPointer: message)
        let digest = hash.finalize()
        hash = outer
        digest.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash.finalize().withUnsafeBytes { MessageCode(bytes: $0) }
    }
}
