import Crypto
import Substitution

/// The two hashes that the vault needs, over plain bytes.
enum VaultHash {
    static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Array(hash.finalize())
    }

    /// HMAC-SHA256 (RFC 2104).
    static func code(key: SecretBytes, _ message: [UInt8]) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: SHA256.blockByteCount)
        defer { block.wipe() }
        if key.count > block.count {
            var hash = SHA256()
            key.withBytes { hash.update(bufferPointer: $0) }
            block.replaceSubrange(0..<SHA256.byteCount, with: Array(hash.finalize()))
        } else {
            key.withBytes { bytes in block.withUnsafeMutableBytes { $0.copyBytes(from: bytes) } }
        }
        func keyed(_ pad: UInt8, _ message: [UInt8]) -> [UInt8] {
            var key = block.map { $0 ^ pad }
            defer { key.wipe() }
            var hash = SHA256()
            key.withUnsafeBytes { hash.update(bufferPointer: $0) }
            message.withUnsafeBytes { hash.update(bufferPointer: $0) }
            return Array(hash.finalize())
        }
        return keyed(0x5C, keyed(0x36, message))
    }
}
