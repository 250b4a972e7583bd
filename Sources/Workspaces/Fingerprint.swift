/// Recognises the same bytes again. It is not a cryptographic hash: it compares files of the user's own repository with
/// themselves, which no sandbox can write.
struct Fingerprint: Sendable, Equatable, CustomStringConvertible {
    let description: String

    init(_ bytes: [UInt8]) {
        var first: UInt64 = 0x9E37_79B9_7F4A_7C15
        var second: UInt64 = 0xC2B2_AE3D_27D4_EB4F
        bytes.withUnsafeBytes { raw in
            var offset = 0
            while offset + 8 <= raw.count {
                Fingerprint.mix(&first, &second, raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                offset += 8
            }
            var last: UInt64 = 1
            while offset < raw.count {
                last = last << 8 | UInt64(raw[offset])
                offset += 1
            }
            Fingerprint.mix(&first, &second, last)
            Fingerprint.mix(&first, &second, UInt64(raw.count))
        }
        description = "\(bytes.count).\(String(first, radix: 16)).\(String(second, radix: 16))"
    }

    init(description: String) { self.description = description }

    private static func mix(_ first: inout UInt64, _ second: inout UInt64, _ word: UInt64) {
        let product = (first ^ word).multipliedFullWidth(by: 0xFF51_AFD7_ED55_8CCD)
        first = product.high ^ product.low
        second = (second ^ word ^ first) &* 0x9FB2_1C65_1E98_DF25
        second ^= second >> 29
    }
}
