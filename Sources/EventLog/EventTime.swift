import Glibc

/// A moment in microseconds since 1970, written as RFC 3339 in UTC: `2026-03-01T12:00:00.250123Z`.
public struct EventTime: Sendable, Hashable, Comparable {
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// The present (clock_gettime(2), CLOCK_REALTIME).
    public static func now() -> EventTime {
        var value = timespec()
        clock_gettime(CLOCK_REALTIME, &value)
        return EventTime(microseconds: Int64(value.tv_sec) * 1_000_000 + Int64(value.tv_nsec) / 1000)
    }

    public static func < (left: EventTime, right: EventTime) -> Bool { left.microseconds < right.microseconds }

    public var text: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the text without quotes.
    func append(to bytes: inout [UInt8]) {
        var seconds = time_t(microseconds / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func put(_ value: Int, _ divisor: Int, _ end: UInt8) {
            var divisor = divisor
            while divisor > 0 {
                bytes.append(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
                divisor /= 10
            }
            bytes.append(end)
        }
        put(Int(parts.tm_year) + 1900, 1000, UInt8(ascii: "-"))
        put(Int(parts.tm_mon) + 1, 10, UInt8(ascii: "-"))
        put(Int(parts.tm_mday), 10, UInt8(ascii: "T"))
        put(Int(parts.tm_hour), 10, UInt8(ascii: ":"))
        put(Int(parts.tm_min), 10, UInt8(ascii: ":"))
        put(Int(parts.tm_sec), 10, UInt8(ascii: "."))
        put(Int(microseconds % 1_000_000), 100_000, UInt8(ascii: "Z"))
    }
}

extension EventTime: CustomStringConvertible {
    public var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
