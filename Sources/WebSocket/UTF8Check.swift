/// Checks text that comes in pieces, and says no at the first byte that cannot be.
struct UTF8Check {
    private var missing = 0
    private var range: ClosedRange<UInt8> = 0x80...0xBF

    /// Whether no character is cut off.
    var isComplete: Bool { missing == 0 }

    mutating func take(_ bytes: [UInt8]) -> Bool {
        for byte in bytes {
            if missing > 0 {
                guard range.contains(byte) else { return false }
                missing -= 1
                range = 0x80...0xBF
                continue
            }
            switch byte {
            case ..<0x80: continue
            case 0xC2...0xDF: (missing, range) = (1, 0x80...0xBF)
            case 0xE0: (missing, range) = (2, 0xA0...0xBF)
            case 0xED: (missing, range) = (2, 0x80...0x9F)
            case 0xE1...0xEF: (missing, range) = (2, 0x80...0xBF)
            case 0xF0: (missing, range) = (3, 0x90...0xBF)
            case 0xF1...0xF3: (missing, range) = (3, 0x80...0xBF)
            case 0xF4: (missing, range) = (3, 0x80...0x8F)
            default: return false
            }
        }
        return true
    }
}
