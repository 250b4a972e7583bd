/// What a worker needs to recognise secrets that it is not given.
///
/// Of each form of each secret it holds 32 bits of a keyed hash of the last eight bytes, which a search can look up at every position,
/// and a keyed MAC (HMAC-SHA256, 128 bits) over the whole, which decides. Whoever takes over the worker has the key, too, and may learn
/// the last eight bytes of a secret, but not the rest, unless the rest can be guessed: a password of ten letters can.
public struct SecretFingerprints: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        var tail: UInt32
        var length: Int
        /// Which secret it is, in the order in which they were given.
        var secret: Int
        var code: [UInt8]
    }

    /// The bytes that a lookup covers. Shorter secrets would be found in harmless traffic by chance, and are not searched for.
    public static let shortest = 8
    /// Longer secrets are recognised by their last bytes only, so that what is kept of a stream stays small.
    public static let longest = 4096
    static let codeLength = 16

    let key: [UInt8]
    let multiplier: UInt64
    let entries: [Entry]

    /// - Parameters:
    ///   - secrets: what to recognise, in raw, JSON, percent, hexadecimal and base64 form.
    ///   - key: 32 random bytes, for one sandbox.
    public init(_ secrets: [SecretBytes], key: [UInt8]) {
        let hash = KeyedHash(key: key)
        let multiplier = SecretFingerprints.multiplier(hash)
        var entries: [Entry] = []
        for (number, secret) in secrets.enumerated() where secret.count >= SecretFingerprints.shortest {
            var value = secret.copyBytes()
            for var form in SecretForms.all(value) where form.count >= SecretFingerprints.shortest {
                let start = max(0, form.count - SecretFingerprints.longest)
                form.withUnsafeBytes { bytes in
                    let whole = UnsafeRawBufferPointer(rebasing: bytes[start...])
                    entries.append(
                        Entry(
                            tail: SecretFingerprints.tail(whole, whole.count - 8, multiplier), length: whole.count, secret: number,
                            code: Array(hash(whole).prefix(SecretFingerprints.codeLength))))
                }
                form.wipe()
            }
            value.wipe()
        }
        self.key = key
        self.multiplier = multiplier
        self.entries = entries
    }

    /// An odd factor, so that the product's upper half depends on every byte.
    private static func multiplier(_ hash: KeyedHash) -> UInt64 {
        hash(Array("tail".utf8)).prefix(8).reduce(0) { $0 << 8 | UInt64($1) } | 1
    }

    @inline(__always)
    static func tail(_ bytes: UnsafeRawBufferPointer, _ position: Int, _ multiplier: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: (bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) &* multiplier) &>> 32)
    }

    // MARK: Wire form

    /// The size of the wire form in bytes.
    public var sizeBound: Int { 5 + key.count + entries.count * (12 + SecretFingerprints.codeLength) }

    /// For the way to the worker. Who asks for it wipes it: the key is in it.
    public func encoded() -> [UInt8] {
        var result: [UInt8] = [UInt8(key.count)] + key
        func append(_ value: UInt32) {
            for shift in stride(from: 24, through: 0, by: -8) { result.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        append(UInt32(entries.count))
        for entry in entries {
            append(entry.tail)
            append(UInt32(entry.length))
            append(UInt32(entry.secret))
            result += entry.code
        }
        return result
    }

    /// Nil for anything that `encoded` does not make.
    public init?(decoding bytes: [UInt8]) {
        var rest = bytes[...]
        func number() -> UInt32? {
            guard rest.count >= 4 else { return nil }
            defer { rest = rest.dropFirst(4) }
            return rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        }
        guard let keyLength = rest.popFirst(), rest.count >= keyLength else { return nil }
        key = Array(rest.prefix(Int(keyLength)))
        rest = rest.dropFirst(Int(keyLength))
        guard let count = number(), Int(count) * (12 + SecretFingerprints.codeLength) == rest.count else { return nil }
        var entries: [Entry] = []
        for _ in 0..<count {
            guard let tail = number(), let length = number(), let secret = number(),
                (SecretFingerprints.shortest...SecretFingerprints.longest).contains(Int(length))
            else { return nil }
            entries.append(
                Entry(tail: tail, length: Int(length), secret: Int(secret), code: Array(rest.prefix(SecretFingerprints.codeLength))))
            rest = rest.dropFirst(SecretFingerprints.codeLength)
        }
        self.entries = entries
        multiplier = SecretFingerprints.multiplier(KeyedHash(key: key))
    }
}
