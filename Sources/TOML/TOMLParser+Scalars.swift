extension TOMLParser {
    /// A boolean, number, date or time.
    mutating func scalar(_ start: TOMLPosition) throws(TOMLError) -> TOMLValue {
        let first = index
        while !atEnd, next.isBareKey || next == .plus || next == .dot || next == .colon { index += 1 }
        if index - first == 10, next == .space, bytes[first + 4] == .minus, byte(1).isDigit, byte(2).isDigit, byte(3) == .colon {
            // A blank may stand for the T between date and time.
            index += 1
            while !atEnd, next.isBareKey || next == .plus || next == .dot || next == .colon { index += 1 }
        }
        let token = bytes[first..<index]
        guard let byte = token.first else {
            throw error(atEnd || next == .newline || next == .carriageReturn || next == .hash ? "expected a value" : "expected a value, not \(found)")
        }
        if let value = TOMLParser.word(token) { return value }
        let text = Array(token)
        if byte.isDigit, text.count >= 3, text[2] == .colon || (text.count >= 5 && text[4] == .minus && text[3].isDigit) {
            guard let dateTime = TOMLParser.dateTime(text) else {
                throw error(at: start, "this is not a date or time as RFC 3339 writes them: 1979-05-27T07:32:00Z")
            }
            return .dateTime(dateTime)
        }
        if byte.isDigit || byte == .plus || byte == .minus {
            switch TOMLParser.number(text) {
            case .success(let value): return value
            case .failure(let reason): throw error(at: start, reason.text)
            }
        }
        throw error(at: start, "expected a value; text must stand in quotes: \"\(String(decoding: token.prefix(40), as: UTF8.self))\"")
    }

    private static func word(_ token: ArraySlice<UInt8>) -> TOMLValue? {
        guard token.count <= 5 else { return nil }
        switch String(decoding: token, as: UTF8.self) {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "inf", "+inf": return .float(.infinity)
        case "-inf": return .float(-.infinity)
        case "nan", "+nan", "-nan": return .float(.nan)
        default: return nil
        }
    }

    struct Reason: Error { var text: String }

    private static func number(_ text: [UInt8]) -> Result<TOMLValue, Reason> {
        let malformed = Reason(text: "this is not a number")
        if text.count > 2, text[0] == UInt8(ascii: "0") {
            let bases: [UInt8: Int] = [UInt8(ascii: "x"): 16, UInt8(ascii: "o"): 8, UInt8(ascii: "b"): 2]
            if let base = bases[text[1]] {
                guard let end = digits(text, from: 2, base: base), end == text.count else { return .failure(malformed) }
                return integer(text[2...], base: base, negative: false)
            }
        }
        var index = 0
        let negative = text[0] == .minus
        if negative || text[0] == .plus { index = 1 }
        let whole = index
        guard let afterWhole = digits(text, from: index, base: 10) else { return .failure(malformed) }
        if text[whole] == UInt8(ascii: "0"), afterWhole > whole + 1 {
            return .failure(Reason(text: "a number may not start with 0"))
        }
        index = afterWhole
        if index == text.count { return integer(text[whole...], base: 10, negative: negative) }
        if text[index] == .dot {
            guard let end = digits(text, from: index + 1, base: 10) else { return .failure(malformed) }
            index = end
        }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < text.count, text[index] == .plus || text[index] == .minus { index += 1 }
            guard let end = digits(text, from: index, base: 10) else { return .failure(malformed) }
            index = end
        }
        guard index == text.count, let value = Double(String(decoding: text.filter { $0 != .underscore }, as: UTF8.self)) else {
            return .failure(malformed)
        }
        return .success(.float(value))
    }

    /// The end of a run of digits with single underscores between them; nil when there is none.
    private static func digits(_ text: [UInt8], from start: Int, base: Int) -> Int? {
        var index = start
        while index < text.count {
            if text[index] == .underscore {
                guard index > start, index + 1 < text.count, text[index - 1] != .underscore,
                    text[index + 1].digit(base: base) != nil
                else { return nil }
            } else if text[index].digit(base: base) == nil {
                break
            }
            index += 1
        }
        return index > start ? index : nil
    }

    private static func integer(_ text: ArraySlice<UInt8>, base: Int, negative: Bool) -> Result<TOMLValue, Reason> {
        var value: Int64 = 0
        for byte in text where byte != .underscore {
            guard let digit = byte.digit(base: base) else { return .failure(Reason(text: "this is not a number")) }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: Int64(base))
            let (sum, carry) = negative ? scaled.subtractingReportingOverflow(Int64(digit)) : scaled.addingReportingOverflow(Int64(digit))
            if overflow || carry { return .failure(Reason(text: "this integer does not fit into 64 bits")) }
            value = sum
        }
        return .success(.integer(value))
    }

    /// A date, a time or both; nil when it has another form or does not exist in the calendar.
    private static func dateTime(_ text: [UInt8]) -> TOMLDateTime? {
        func number(_ start: Int, _ count: Int) -> Int? {
            guard start + count <= text.count else { return nil }
            var value = 0
            for byte in text[start..<start + count] {
                guard byte.isDigit else { return nil }
                value = value * 10 + Int(byte) - 0x30
            }
            return value
        }
        /// The end of a time that starts there.
        func time(_ start: Int) -> Int? {
            guard let hour = number(start, 2), let minute = number(start + 3, 2), let second = number(start + 6, 2),
                text[start + 2] == .colon, text[start + 5] == .colon, hour < 24, minute < 60, second <= 60
            else { return nil }
            var end = start + 8
            guard end < text.count, text[end] == .dot else { return end }
            end += 1
            let fraction = end
            while end < text.count, text[end].isDigit { end += 1 }
            return end > fraction ? end : nil
        }
        let whole = String(decoding: text, as: UTF8.self)
        if text[2] == .colon {
            return time(0) == text.count ? TOMLDateTime(form: .localTime, text: whole) : nil
        }
        guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), text[4] == .minus, text[7] == .minus,
            (1...12).contains(month)
        else { return nil }
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
        let lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day >= 1, day <= lengths[month - 1] else { return nil }
        if text.count == 10 { return TOMLDateTime(form: .localDate, text: whole) }
        guard text[10] | 0x20 == UInt8(ascii: "t") || text[10] == .space, let end = time(11) else { return nil }
        if end == text.count { return TOMLDateTime(form: .localDateTime, text: whole) }
        if text[end] | 0x20 == UInt8(ascii: "z") {
            return end + 1 == text.count ? TOMLDateTime(form: .offsetDateTime, text: whole) : nil
        }
        guard text[end] == .plus || text[end] == .minus, end + 6 == text.count, let hours = number(end + 1, 2),
            let minutes = number(end + 4, 2), text[end + 3] == .colon, hours < 24, minutes < 60
        else { return nil }
        return TOMLDateTime(form: .offsetDateTime, text: whole)
    }
}
