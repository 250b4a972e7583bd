import SwiftASN1

/// A moment in a certificate, as seconds since 1970 UTC, without a time zone database: a confined process has no files.
enum CertificateTime {
    /// Writes UTCTime up to 2049 and GeneralizedTime from 2050 (RFC 5280 §4.1.2.5).
    static func serialise(_ seconds: Int64, into serializer: inout DER.Serializer) throws {
        let (year, month, day, rest) = civil(seconds)
        let (hours, minutes, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        if year < 2050 {
            try serializer.serialize(UTCTime(year: year, month: month, day: day, hours: hours, minutes: minutes, seconds: second))
        } else {
            try serializer.serialize(
                GeneralizedTime(
                    year: year, month: month, day: day, hours: hours, minutes: minutes, seconds: second, fractionalSeconds: 0))
        }
    }

    static func parse(_ node: ASN1Node) throws -> Int64 {
        if node.identifier == .utcTime {
            let time = try UTCTime(derEncoded: node)
            return seconds(time.year, time.month, time.day) + Int64(time.hours * 3600 + time.minutes * 60 + time.seconds)
        }
        let time = try GeneralizedTime(derEncoded: node)
        return seconds(time.year, time.month, time.day) + Int64(time.hours * 3600 + time.minutes * 60 + time.seconds)
    }

    /// `2031-05-04`.
    static func date(_ seconds: Int64) -> String {
        let (year, month, day, _) = civil(seconds)
        return "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }

    /// Days to a date of the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
    private static func civil(_ seconds: Int64) -> (year: Int, month: Int, day: Int, rest: Int) {
        let rest = Int(seconds - floorDivide(seconds, 86400) * 86400)
        let days = Int(floorDivide(seconds, 86400)) + 719_468
        let era = Int(floorDivide(Int64(days), 146_097))
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1, rest)
    }

    private static func seconds(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = Int(floorDivide(Int64(year), 400))
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468) * 86400
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    }
}
