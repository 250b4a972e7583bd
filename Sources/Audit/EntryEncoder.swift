/// Writes entries as JSON, always the same bytes for the same entry.
///
/// What comes from a sandbox is escaped so that the line stays one line, valid UTF-8, and harmless on a terminal: quotes,
/// backslashes, all controls, line separators, bidirectional controls, and whatever stands for a byte outside of UTF-8.
struct EntryEncoder: Sendable {
    private let redaction: AuditRedaction
    /// Whether texts are cut off; what is read back was cut off when it was written.
    private let isBounded: Bool

    init(redaction: AuditRedaction = .none, isBounded: Bool = true) {
        self.redaction = redaction
        self.isBounded = isBounded
    }

    /// Appends everything between the sequence number and `prev`: `,"at":…,"session":…,"type":…,"details":{…}`.
    func append(_ entry: AuditEntry, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: ",\"at\":\"".utf8)
        entry.time.append(to: &bytes)
        bytes.append(contentsOf: "\",\"session\":".utf8)
        append(redaction(entry.session), limit: AuditLimits.name, to: &bytes)
        bytes.append(contentsOf: ",\"type\":".utf8)
        append(entry.type.rawValue, limit: AuditLimits.name, to: &bytes)
        bytes.append(contentsOf: ",\"details\":{".utf8)
        let beginning = bytes.count
        var leftOut = 0
        for detail in entry.details {
            let before = bytes.count
            if leftOut == 0 {
                if before > beginning { bytes.append(UInt8(ascii: ",")) }
                append(detail, to: &bytes)
            }
            // Whole details only: half a value could be taken for another one.
            if leftOut > 0 || isBounded && bytes.count - beginning > AuditLimits.details {
                bytes.removeLast(bytes.count - before)
                leftOut += 1
            }
        }
        if leftOut > 0 {
            if bytes.count > beginning { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: "\"leftOut\":\(leftOut)".utf8)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private func append(_ detail: AuditDetail, to bytes: inout [UInt8]) {
        append(redaction(detail.name), limit: AuditLimits.name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        switch detail.value {
        case .text(let text): append(redaction(text), limit: AuditLimits.text, to: &bytes)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .flag(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .list(let items):
            bytes.append(UInt8(ascii: "["))
            let beginning = bytes.count
            for (index, item) in items.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                guard !isBounded || bytes.count - beginning < AuditLimits.text else {
                    append("… \(items.count - index) more", limit: AuditLimits.text, to: &bytes)
                    break
                }
                append(redaction(item), limit: AuditLimits.text, to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        }
    }

    /// Appends a JSON string.
    ///
    /// - Parameter limit: bytes that its contents may need; of a longer text the beginning is kept, and `… +N bytes` says how
    ///   much is missing.
    private func append(_ text: String, limit: Int, to bytes: inout [UInt8]) {
        let limit = isBounded ? limit : .max
        var text = text
        text.makeContiguousUTF8()
        bytes.append(UInt8(ascii: "\""))
        let beginning = bytes.count
        var plain = text.utf8.count <= limit
        if plain {
            text.utf8.withContiguousStorageIfAvailable { buffer in
                plain = buffer.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
                if plain { bytes.append(contentsOf: buffer) }
            }
        }
        if !plain {
            var done = 0
            for scalar in text.unicodeScalars {
                let before = bytes.count
                EntryEncoder.append(scalar, to: &bytes)
                if bytes.count - beginning > limit {
                    bytes.removeLast(bytes.count - before)
                    bytes.append(contentsOf: "… +\(text.utf8.count - done) bytes".utf8)
                    break
                }
                done += UTF8.width(scalar)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
        switch scalar.value {
        case 0x22: bytes.append(contentsOf: "\\\"".utf8)
        case 0x5C: bytes.append(contentsOf: "\\\\".utf8)
        case 0x0A: bytes.append(contentsOf: "\\n".utf8)
        case 0x0D: bytes.append(contentsOf: "\\r".utf8)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB:
            appendEscape(UInt16(scalar.value), to: &bytes)
        case 0xE0000...0xE0FFF, 0xF0000...0x10FFFF:
            // Tags, which nobody sees, and private use, where the bytes that are not UTF-8 are.
            for unit in String(scalar).utf16 { appendEscape(unit, to: &bytes) }
        default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }

    private static func appendEscape(_ unit: UInt16, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "\\u".utf8)
        for shift: UInt16 in [12, 8, 4, 0] {
            let value = UInt8(truncatingIfNeeded: unit >> shift) & 15
            bytes.append(value < 10 ? 0x30 + value : 0x57 + value)
        }
    }
}
