/// Names and arguments on Linux are bytes, not text. Coop keeps them in `String`, so that they print and compare
/// naturally, and maps each byte that is not part of valid UTF-8 to one private-use character, U+10FF80…U+10FFFF
/// (the idea of PEP 383). The mapping is injective: those characters themselves, when met in the input, are mapped
/// byte by byte as well. Whatever came in is handed to the kernel unchanged.
extension String {
    /// Decodes a name, path or argument as the kernel hands it out.
    public init(osBytes bytes: some Collection<UInt8>) {
        if let text = String(validating: bytes, as: UTF8.self), !text.mayHoldEscapedBytes {
            self = text
            return
        }
        var scalars = String.UnicodeScalarView()
        let input = Array(bytes)
        var index = 0
        while index < input.count {
            if let (scalar, length) = String.scalar(in: input, at: index), !scalar.isEscapedByte {
                scalars.append(scalar)
                index += length
            } else {
                // 0x10FF00 + byte is a valid scalar for every byte.
                if let escaped = Unicode.Scalar(0x10FF00 + UInt32(input[index])) { scalars.append(escaped) }
                index += 1
            }
        }
        self.init(scalars)
    }

    /// Decodes a NUL-terminated name from the kernel.
    public init(osBytes pointer: UnsafePointer<CChar>) {
        var length = 0
        while pointer[length] != 0 { length += 1 }
        let bytes = UnsafeRawBufferPointer(start: pointer, count: length)
        self.init(osBytes: bytes)
    }

    /// The bytes to hand to the kernel.
    public var osBytes: [UInt8] {
        if !mayHoldEscapedBytes { return Array(utf8) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count)
        for scalar in unicodeScalars {
            if scalar.isEscapedByte {
                bytes.append(UInt8(scalar.value & 0xFF))
            } else {
                bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
            }
        }
        return bytes
    }

    /// Calls `body` with the NUL-terminated bytes of this name.
    @inlinable
    public func withOSBytes<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
        // Nearly every name: a Swift string ends in a NUL already, nothing is copied.
        if !mayHoldEscapedBytes { return try withCString(body) }
        var bytes = osBytes
        bytes.append(0)
        return try bytes.withUnsafeBufferPointer { buffer in
            try buffer.withMemoryRebound(to: CChar.self) { chars in
                // The buffer holds at least the terminating NUL, so it has a base address.
                guard let base = chars.baseAddress else { preconditionFailure("a buffer with a NUL has an address") }
                return try body(base)
            }
        }
    }

    /// Whether an escaped byte is possible: in UTF-8 each begins with 0xF4, which text hardly ever holds. A byte search
    /// costs a fraction of decoding every character.
    @usableFromInline
    var mayHoldEscapedBytes: Bool {
        let lead: UInt8 = 0xF4
        return utf8.withContiguousStorageIfAvailable { $0.contains(lead) } ?? utf8.contains(lead)
    }

    /// The name as it may be shown on a terminal: control characters and bytes outside UTF-8 as `\x1b`, so that a
    /// hostile file name can neither move the cursor nor forge a line; and what cannot be seen as `\u{200b}`, so that it looks like no other.
    public var printable: String {
        if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return self }
        var result = ""
        var last: UInt32 = 0x20
        for scalar in unicodeScalars {
            let joinsNothing = scalar.joinsNothing(behind: last)
            if !joinsNothing { last = scalar.value }
            if scalar.isEscapedByte {
                result += "\\x" + hex(scalar.value & 0xFF, digits: 2)
            } else if scalar.needsEscapeOnTerminal || joinsNothing {
                switch scalar {
                case "\n": result += "\\n"
                case "\t": result += "\\t"
                case "\r": result += "\\r"
                default:
                    result += scalar.value < 0x80 ? "\\x" + hex(scalar.value, digits: 2) : "\\u{" + hex(scalar.value, digits: 4) + "}"
                }
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func scalar(in bytes: [UInt8], at index: Int) -> (Unicode.Scalar, Int)? {
        let first = bytes[index]
        let length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0
        guard length > 0, index + length <= bytes.count,
            let text = String(validating: bytes[index..<index + length], as: UTF8.self),
            let scalar = text.unicodeScalars.first
        else { return nil }
        return (scalar, length)
    }
}

private func hex(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}

extension Unicode.Scalar {
    /// Whether this scalar stands for one byte that was not valid UTF-8.
    fileprivate var isEscapedByte: Bool { value >= 0x10FF80 && value <= 0x10FFFF }

    /// C0 and C1 controls, DEL, line and paragraph separators, the bidirectional controls that reorder a line, and what has no width.
    fileprivate var needsEscapeOnTerminal: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
            0xE0000...0xE0FFF:
            true
        default: isEscapedByte
        }
    }

    /// Whether it joins the characters of a script or of an emoji, or selects a variant of one, but stands behind a character of ASCII, that has
    /// neither: only the digits of emoji have.
    fileprivate func joinsNothing(behind last: UInt32) -> Bool {
        switch value {
        case 0x34F, 0x200C, 0x200D, 0xFE00...0xFE0E: last < 0x80
        case 0xFE0F: last < 0x80 && !(last >= 0x30 && last <= 0x39) && last != 0x23 && last != 0x2A
        default: false
        }
    }
}
