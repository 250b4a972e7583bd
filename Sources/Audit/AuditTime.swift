import Glibc

/// A moment in milliseconds, written as RFC 3339 in UTC: `2026-03-01T12:00:00.250Z`.
public struct AuditTime: Sendable, Hashable, Comparable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let milliseconds: Int64

    /// - Parameter milliseconds: since 1970; what lies before 1970 or after the year 9999 becomes the nearest of the two.
    public init(milliseconds: Int64) { self.milliseconds = min(max(milliseconds, 0), AuditTime.latest) }

    /// 9999-12-31T23:59:59.999Z: RFC 3339 has four digits for a year.
    private static let latest: Int64 = 253_402_300_799_999

    /// The present (clock_gettime(2), CLOCK_REALTIME).
    public static func now() -> AuditTime {
        var value = timespec()
        clock_gettime(CLOCK_REALTIME, &value)
        return AuditTime(milliseconds: Int64(value.tv_sec) * 1000 + Int64(value.tv_nsec) / 1_000_000)
    }

    public static func < (left: AuditTime, right: AuditTime) -> Bool { left.milliseconds < right.milliseconds }

    /// Reads RFC 3339: `2026-03-01T12:00:00Z`, with a fraction or an offset if there is one, or a date alone, which is its
    /// beginning in UTC.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 10, bytes.count <= 40, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            let year = AuditTime.number(bytes[0..<4]), let month = AuditTime.number(bytes[5..<7]), (1...12).contains(month),
            let day = AuditTime.number(bytes[8..<10]), day >= 1, day <= AuditTime.days(in: month, of: year), year >= 1970
        else { return nil }
        var result = AuditTime.day(year: year, month: month, day: day) * 86_400_000
        if bytes.count > 10 {
            guard bytes.count >= 20, bytes[10] | 0x20 == UInt8(ascii: "t"), bytes[13] == UInt8(ascii: ":"),
                bytes[16] == UInt8(ascii: ":"), let hour = AuditTime.number(bytes[11..<13]), hour < 24,
                let minute = AuditTime.number(bytes[14..<16]), minute < 60, let second = AuditTime.number(bytes[17..<19]), second < 61,
                let rest = AuditTime.fractionAndZone(bytes[19...])
            else { return nil }
            result += ((hour * 60 + minute) * 60 + second) * 1000 + rest
        }
        self.init(milliseconds: result)
    }

    /// Milliseconds that `.250+02:00` adds.
    private static func fractionAndZone(_ bytes: ArraySlice<UInt8>) -> Int64? {
        var rest = bytes
        var result: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { $0 >= 0x30 && $0 <= 0x39 }
            guard !digits.isEmpty else { return nil }
            result = number((Array(digits) + [0x30, 0x30]).prefix(3)) ?? 0
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let sign = rest.first else { return nil }
        if sign | 0x20 == UInt8(ascii: "z") { return rest.count == 1 ? result : nil }
        let zone = Array(rest)
        guard zone.count == 6, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), zone[3] == UInt8(ascii: ":"),
            let hours = number(zone[1..<3]), hours < 24, let minutes = number(zone[4..<6]), minutes < 60
        else { return nil }
        let offset = (hours * 60 + minutes) * 60_000
        return result + (sign == UInt8(ascii: "+") ? -offset : offset)
    }

    private static func number(_ digits: some Collection<UInt8>) -> Int64? {
        var result: Int64 = 0
        for digit in digits {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            result = result * 10 + Int64(digit - 0x30)
        }
        return result
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar, by counting years from March, so that a leap day is a year's last.
    private static func day(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Appends `2026-03-01T12:00:00.250Z`.
    func append(to bytes: inout [UInt8]) {
        let days = milliseconds / 86_400_000 + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let rest = milliseconds % 86_400_000
        func put(_ value: Int64, _ digits: Int, _ end: Character) {
            var divisor: Int64 = digits == 4 ? 1000 : digits == 3 ? 100 : 10
            while divisor > 0 {
                bytes.append(0x30 + UInt8(value / divisor % 10))
                divisor /= 10
            }
            bytes.append(contentsOf: String(end).utf8)
        }
        put(year, 4, "-")
        put(month, 2, "-")
        put(dayOfYear - (153 * shifted + 2) / 5 + 1, 2, "T")
        put(rest / 3_600_000, 2, ":")
        put(rest / 60_000 % 60, 2, ":")
        put(rest / 1000 % 60, 2, ".")
        put(rest % 1000, 3, "Z")
    }
}

extension AuditTime: CustomStringConvertible {
    public var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
