extension TOMLParser {
    /// `"…"` on one line.
    mutating func basicString() throws(TOMLError) -> String {
        let start = mark()
        index += 1
        var buffer: [UInt8] = []
        var copied = index
        while true {
            let byte = next
            if byte == .quote {
                defer { index += 1 }
                // Most strings hold no escape and are copied once.
                if buffer.isEmpty { return String(decoding: bytes[copied..<index], as: UTF8.self) }
                buffer.append(contentsOf: bytes[copied..<index])
                return String(decoding: buffer, as: UTF8.self)
            }
            if byte == .backslash {
                buffer.append(contentsOf: bytes[copied..<index])
                try escape(into: &buffer)
                copied = index
                continue
            }
            try checkInString(byte, start)
            index += 1
        }
    }

    /// `'…'` on one line.
    mutating func literalString() throws(TOMLError) -> String {
        let start = mark()
        index += 1
        let first = index
        while next != .apostrophe {
            try checkInString(next, start)
            index += 1
        }
        defer { index += 1 }
        return String(decoding: bytes[first..<index], as: UTF8.self)
    }

    private mutating func checkInString(_ byte: UInt8, _ start: TOMLPosition) throws(TOMLError) {
        if atEnd || byte == .newline || byte == .carriageReturn {
            throw error(at: start, "the string is not closed on its line")
        }
        if byte.isForbiddenControl {
            throw error("a string may not hold the control character \(byte.hexName); write it as an escape")
        }
    }

    /// `"""…"""`.
    mutating func multilineBasicString() throws(TOMLError) -> String {
        try multiline(.quote)
    }

    /// `'''…'''`.
    mutating func multilineLiteralString() throws(TOMLError) -> String {
        try multiline(.apostrophe)
    }

    private mutating func multiline(_ delimiter: UInt8) throws(TOMLError) -> String {
        let start = mark()
        index += 3
        _ = try skipNewline()
        var buffer: [UInt8] = []
        while true {
            if atEnd { throw error(at: start, "the multi-line string is not closed") }
            let byte = next
            if byte == delimiter {
                var run = 1
                // One or two more quotes may touch the closing three.
                while run < 5, self.byte(run) == delimiter { run += 1 }
                index += run
                if run >= 3 {
                    buffer.append(contentsOf: repeatElement(delimiter, count: run - 3))
                    return String(decoding: buffer, as: UTF8.self)
                }
                buffer.append(contentsOf: repeatElement(delimiter, count: run))
            } else if byte == .newline || byte == .carriageReturn {
                // Every newline becomes \n, whatever the file uses.
                _ = try skipNewline()
                buffer.append(.newline)
            } else if byte == .backslash, delimiter == .quote {
                if try !skipLineContinuation() { try escape(into: &buffer) }
            } else if byte.isForbiddenControl {
                throw error("a string may not hold the control character \(byte.hexName)")
            } else {
                buffer.append(byte)
                index += 1
            }
        }
    }

    /// A backslash as the last character of a line: it and all blank space up to the next text disappear.
    private mutating func skipLineContinuation() throws(TOMLError) -> Bool {
        var offset = 1
        while byte(offset) == .space || byte(offset) == .tab { offset += 1 }
        guard byte(offset) == .newline || byte(offset) == .carriageReturn else { return false }
        index += offset
        while true {
            skipBlanks()
            if try !skipNewline() { return true }
        }
    }

    /// The escape sequence at `index`.
    private mutating func escape(into buffer: inout [UInt8]) throws(TOMLError) {
        let digits: Int
        switch byte(1) {
        case UInt8(ascii: "b"): return simple(0x08, &buffer)
        case UInt8(ascii: "t"): return simple(0x09, &buffer)
        case UInt8(ascii: "n"): return simple(0x0A, &buffer)
        case UInt8(ascii: "f"): return simple(0x0C, &buffer)
        case UInt8(ascii: "r"): return simple(0x0D, &buffer)
        case .quote: return simple(.quote, &buffer)
        case .backslash: return simple(.backslash, &buffer)
        case UInt8(ascii: "u"): digits = 4
        case UInt8(ascii: "U"): digits = 8
        default: throw error("unknown escape in a string; for a backslash itself write \\\\ or use 'single quotes'")
        }
        var value: UInt32 = 0
        for offset in 2..<2 + digits {
            guard let digit = byte(offset).digit(base: 16) else { throw error("this escape needs \(digits) hexadecimal digits") }
            value = value << 4 | UInt32(digit)
        }
        guard let scalar = Unicode.Scalar(value) else { throw error("this escape names no Unicode character") }
        index += 2 + digits
        buffer.append(contentsOf: String(Character(scalar)).utf8)
    }

    private mutating func simple(_ byte: UInt8, _ buffer: inout [UInt8]) {
        buffer.append(byte)
        index += 2
    }
}
