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
        var hash = seed()
        hash.update(data: head + entries)
        return head + entries + Array(hash.finalize())
    }

    /// A store with further certificates: what takes the place of the old one's beginning and of its end, and what of it stays in between.
    public struct Addition {
        public let head: [UInt8]
        public let kept: Range<Int>
        public let tail: [UInt8]
    }

    /// The same store with these certificates as well; nil when it is of another format (PKCS#12) or version.
    ///
    /// - Parameters:
    ///   - size: how many bytes the store has.
    ///   - read: the bytes from a place on that fit into the buffer; how many, 0 only at the end.
    public static func adding(
        _ certificates: [[UInt8]], prefix: String, size: Int, now: Int64, read: (Int, UnsafeMutableRawBufferPointer) throws -> Int
    ) rethrows -> Addition? {
        guard size >= header.count + 4 + digestLength else { return nil }
        let kept = 12..<(size - digestLength)
        // A piece at a time: the store is larger than what a processor keeps at hand.
        return try withUnsafeTemporaryAllocation(byteCount: 1 << 15, alignment: 16) { buffer in
            guard try read(0, .init(rebasing: buffer[..<12])) == 12, buffer.starts(with: header) else { return nil }
            let count = buffer[8..<12].reduce(0) { $0 << 8 | Int($1) }
            let head = head(count: count + certificates.count)
            var hash = seed()
            hash.update(data: head)
            var place = kept.lowerBound
            while place < kept.upperBound {
                let found = try read(place, .init(rebasing: buffer[..<min(buffer.count, kept.upperBound - place)]))
                guard found > 0 else { return nil }
                hash.update(bufferPointer: .init(rebasing: UnsafeRawBufferPointer(buffer)[..<found]))
                place += found
            }
            let entries = entries(certificates, prefix: prefix, now: now)
            hash.update(data: entries)
            return Addition(head: head, kept: kept, tail: entries + Array(hash.finalize()))
        }
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

    /// The digest's beginning.
    private static func seed() -> Insecure.SHA1 {
        var hash = Insecure.SHA1()
        hash.update(data: password.utf16.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] })
        hash.update(data: Array("Mighty Aphrodite".utf8))
        return hash
    }

    private static func number(_ value: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
    }

    /// Modified UTF-8 with its length, which for ASCII is UTF-8.
    private static func text(_ value: String) -> [UInt8] {
        [UInt8(truncatingIfNeeded: value.utf8.count >> 8), UInt8(truncatingIfNeeded: value.utf8.count)] + Array(value.utf8)
    }
}
