/// Sizes and durations as people write them.
public enum Quantities {
    /// Bytes: `4G`, `1.5GB`, `512MiB`, `1024`. Units are powers of 1024, as the kernel and container tools count memory.
    public static func size(_ text: String) -> Result<UInt64, ValueProblem> {
        let wrong = ValueProblem("`\(text)` is not a size; write 512M, 4G, 1.5GB or a number of bytes")
        let bytes = Array(text.utf8)
        var index = 0
        var whole: UInt64 = 0
        var fraction: UInt64 = 0
        var scale: UInt64 = 1
        while index < bytes.count, bytes[index].isDigit {
            let (scaled, overflow) = whole.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(UInt64(bytes[index] - 0x30))
            if overflow || carry { return .failure("`\(text)` is too large") }
            whole = sum
            index += 1
        }
        guard index > 0 else { return .failure(wrong) }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            let start = index
            while index < bytes.count, bytes[index].isDigit {
                // Nine digits are more than a byte of a gigabyte; further ones cannot matter.
                if index - start < 9 {
                    fraction = fraction * 10 + UInt64(bytes[index] - 0x30)
                    scale *= 10
                }
                index += 1
            }
            guard index > start else { return .failure(wrong) }
        }
        let unit = String(decoding: bytes[index...], as: UTF8.self).uppercased()
        let shift: UInt64
        switch unit {
        case "", "B": shift = 0
        case "K", "KB", "KIB": shift = 10
        case "M", "MB", "MIB": shift = 20
        case "G", "GB", "GIB": shift = 30
        case "T", "TB", "TIB": shift = 40
        default: return .failure(wrong)
        }
        if shift == 0, scale > 1 { return .failure(wrong) }
        let (base, overflow) = whole.multipliedReportingOverflow(by: 1 << shift)
        // fraction < 10⁹ < 2³⁰ and shift ≤ 40, so the product does not always fit; divide in full width.
        let part = scale.dividingFullWidth(fraction.multipliedFullWidth(by: 1 << shift)).quotient
        let (total, carry) = base.addingReportingOverflow(part)
        if overflow || carry || total > UInt64(Int64.max) { return .failure("`\(text)` is too large") }
        if total == 0 { return .failure("`\(text)` is no size that anything could run in") }
        return .success(total)
    }

    /// `90s`, `15m`, `1h30m`, `2d`: whole numbers with units, each unit once, the largest first.
    public static func duration(_ text: String) -> Result<Duration, ValueProblem> {
        let wrong = ValueProblem("`\(text)` is not a duration; write 90s, 15m or 1h30m")
        var total: Int64 = 0
        var value: Int64?
        var lastUnit = Int64.max
        for byte in text.utf8 {
            if byte.isDigit {
                let (scaled, overflow) = (value ?? 0).multipliedReportingOverflow(by: 10)
                let (sum, carry) = scaled.addingReportingOverflow(Int64(byte - 0x30))
                if overflow || carry { return .failure("`\(text)` is too long") }
                value = sum
                continue
            }
            let unit: Int64
            switch byte {
            case UInt8(ascii: "d"): unit = 86400
            case UInt8(ascii: "h"): unit = 3600
            case UInt8(ascii: "m"): unit = 60
            case UInt8(ascii: "s"): unit = 1
            default: return .failure(wrong)
            }
            guard let count = value, unit < lastUnit else { return .failure(wrong) }
            let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
            let (sum, carry) = total.addingReportingOverflow(seconds)
            if overflow || carry { return .failure("`\(text)` is too long") }
            total = sum
            value = nil
            lastUnit = unit
        }
        guard value == nil, lastUnit != Int64.max else { return .failure(wrong) }
        // A century, so that no clock arithmetic can overflow.
        if total > 36500 * 86400 { return .failure("`\(text)` is too long") }
        if total == 0 { return .failure("a duration of zero would end everything at once") }
        return .success(.seconds(total))
    }

    /// Bytes in the shortest exact form: `4G`.
    public static func text(size: UInt64) -> String {
        for (shift, unit) in [(UInt64(40), "T"), (30, "G"), (20, "M"), (10, "K")] where size >= 1 << shift && size % (1 << shift) == 0 {
            return "\(size >> shift)\(unit)"
        }
        return String(size)
    }

    /// A duration in whole units: `1h30m`.
    public static func text(duration: Duration) -> String {
        var rest = duration.components.seconds
        var result = ""
        for (unit, name) in [(Int64(86400), "d"), (3600, "h"), (60, "m"), (1, "s")] where rest >= unit {
            result += "\(rest / unit)\(name)"
            rest %= unit
        }
        return result.isEmpty ? "0s" : result
    }
}

extension UInt8 {
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }
    var isLetter: Bool { (self | 0x20) >= 0x61 && (self | 0x20) <= 0x7A }
}
