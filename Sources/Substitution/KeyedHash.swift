import Crypto

/// HMAC-SHA256 (RFC 2104) with the key worked in once, over memory that nobody needs to copy.
struct KeyedHash: Sendable {
    private let inner: SHA256
    private let outer: SHA256

    init(key: [UInt8]) {
        var block = key
        if block.count > SHA256.blockByteCount { block = KeyedHash.digest { sink in block.withUnsafeBytes { sink($0) } } }
        block += [UInt8](repeating: 0, count: SHA256.blockByteCount - block.count)
        var inner = SHA256()
        var outer = SHA256()
        var pad = block.map { $0 ^ 0x36 }
        pad.withUnsafeBytes { inner.update(bufferPointer: $0) }
        pad.wipe()
        pad = block.map { $0 ^ 0x5C }
        pad.withUnsafeBytes { outer.update(bufferPointer: $0) }
        pad.wipe()
        block.wipe()
        self.inner = inner
        self.outer = outer
    }

    func callAsFunction(_ message: UnsafeRawBufferPointer) -> [UInt8] {
        var first = inner
        first.update(bufferPointer: message)
        var second = outer
        first.finalize().withUnsafeBytes { second.update(bufferPointer: $0) }
        return Array(second.finalize())
    }

    func callAsFunction(_ message: [UInt8]) -> [UInt8] { message.withUnsafeBytes { self($0) } }

    static func digest(_ feed: ((UnsafeRawBufferPointer) -> Void) -> Void) -> [UInt8] {
        var hash = SHA256()
        feed { hash.update(bufferPointer: $0) }
        return Array(hash.finalize())
    }

    static func digest(_ message: [UInt8]) -> [UInt8] { digest { sink in message.withUnsafeBytes { sink($0) } } }
}
