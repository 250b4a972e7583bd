import Crypto

/// Java's own format of trust stores, JKS, as far as adding to one needs it.
///
/// A header (magic, version, number of entries), the entries, and a SHA-1 over the password and all of it. Where the store is read
/// without a password, as the runtime does with its own, the SHA-1 is not looked at.
public enum JavaKeyStore {
    private static let header: [UInt8] = [0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2]
    private static let digestLength = 20
    /// The password that every Java runtime ships its store with.
    private static let password = "changeit"

    /// A store with these certificates alone.
    ///
    /// - Parameters:
    ///   - certificates: DER.
    ///   - prefix: what the entries' names begin with; lower case, a number follows.
    ///   - now: seconds since 1970.
    public static func make(_ certificates: [[UInt8]], prefix: String, now: Int64) -> [UInt8] {
        let head = head(count: certificates.count)
        let entries = entries(certificates, prefix: prefix, now: now)
        return head + entries + digest(of: [head[...], entries[...]])
    }

    /// A store with further certificates: what takes the place of the old one's beginning and of its end, and what of it stays in between.
    public struct Addition {
        public let head: [UInt8]
        public let kept: Range<Int>
        public let tail: [UInt8]
    }

    /// The same store with these certificates as well; nil when it is of another format (PKCS#12) or version.
    public static func adding(_ certificates: [[UInt8]], prefix: String, to store: [UInt8], now: Int64) -> Addition? {
        guard store.count >= header.count + 4 + digestLength, store.starts(with: header) else { return nil }
        let count = store[8..<12].reduce(0) { $0 << 8 | Int($1) }
        let head = head(count: count + certificates.count)
        let kept = 12..<(store.count - digestLength)
        let entries = entries(certificates, prefix: prefix, now: now)
        return Addition(head: head, kept: kept, tail: entries + digest(of: [head[...], store[kept], entries[...]]))
    }

    private static func head(count: Int) -> [UInt8] { header + number(count) }

    private static func entries(_ certificates: [[UInt8]], prefix: String, now: Int64) -> [UInt8] {
        var result: [UInt8] = []
        for (index, certificate) in certificates.enumerated() {
            // 2: a certificate that is trusted.
            result += number(2) + text("\(prefix)\(index + 1)")
            result += (0..<8).map { UInt8(truncatingIfNeeded: now * 1000 >> (56 - 8 * Int64($0))) }
            result += text("X.509") + number(certificate.count) + certificate
        }
        return result
    }

    private static func digest(of parts: [ArraySlice<UInt8>]) -> [UInt8] {
        var hash = Insecure.SHA1()
        hash.update(data: password.utf16.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] })
        hash.update(data: Array("Mighty Aphrodite".utf8))
        for part in parts { part.withUnsafeBytes { hash.update(bufferPointer: $0) } }
        return Array(hash.finalize())
    }

    private static func number(_ value: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
    }

    /// Modified UTF-8 with its length, which for ASCII is UTF-8.
    private static func text(_ value: String) -> [UInt8] {
        [UInt8(truncatingIfNeeded: value.utf8.count >> 8), UInt8(truncatingIfNeeded: value.utf8.count)] + Array(value.utf8)
    }
}
