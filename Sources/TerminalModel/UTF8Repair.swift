/// Passes on whole UTF-8 characters; what is none becomes U+FFFD, and so do the C1 controls U+0080 to U+009F, which some terminals obey in either
/// form. Bytes come one by one.
struct UTF8Repair: Sendable {
    private var held: [UInt8] = []
    private var missing = 0
    /// What the next byte may be: it excludes overlong forms, surrogates, and what lies beyond U+10FFFF.
    private var range: ClosedRange<UInt8> = 0x80...0xBF

    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    mutating func take(_ byte: UInt8, into output: inout [UInt8]) {
        if missing > 0 {
            if range.contains(byte) {
                held.append(byte)
                missing -= 1
                range = 0x80...0xBF
                if missing == 0 { flush(into: &output) }
                return
            }
            end(into: &output)
        }
        switch byte {
        case ..<0x80: output.append(byte)
        case 0xC2...0xDF: start(byte, 1, 0x80...0xBF)
        case 0xE0: start(byte, 2, 0xA0...0xBF)
        case 0xED: start(byte, 2, 0x80...0x9F)
        case 0xE1...0xEF: start(byte, 2, 0x80...0xBF)
        case 0xF0: start(byte, 3, 0x90...0xBF)
        case 0xF1...0xF3: start(byte, 3, 0x80...0xBF)
        case 0xF4: start(byte, 3, 0x80...0x8F)
        default: output += UTF8Repair.replacement
        }
    }

    /// A character that was cut off.
    mutating func end(into output: inout [UInt8]) {
        if missing > 0 { output += UTF8Repair.replacement }
        missing = 0
        held.removeAll(keepingCapacity: true)
    }

    private mutating func start(_ byte: UInt8, _ count: Int, _ next: ClosedRange<UInt8>) {
        held.append(byte)
        missing = count
        range = next
    }

    private mutating func flush(into output: inout [UInt8]) {
        if held[0] == 0xC2, held[1] < 0xA0 { output += UTF8Repair.replacement } else { output += held }
        held.removeAll(keepingCapacity: true)
    }
}
