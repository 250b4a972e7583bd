/// Which escape sequences only draw, or change how the next ones draw (ECMA-48; xterm's control sequences).
enum EscapeRules {
    // MARK: ESC

    /// - Parameter sequence: intermediates and the final byte.
    static func allows(escape sequence: [UInt8]) -> Bool {
        switch sequence.count {
        case 1: return Set("78=>DEHMNOcno|}~".utf8).contains(sequence[0])
        case 2:
            switch sequence[0] {
            // Character sets of 94 characters: ASCII, British, line drawing.
            case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"): return Set("AB012".utf8).contains(sequence[1])
            // Lines of double width and height, and the test screen.
            case UInt8(ascii: "#"): return Set("34568".utf8).contains(sequence[1])
            default: return false
            }
        default: return false
        }
    }

    // MARK: CSI

    /// Modes of ECMA-48: insert, and line feed as new line.
    private static let modes: Set<Int> = [4, 20]
    /// Private modes: cursor keys, reversed screen, origin, wrapping, blinking, cursor, alternate screens, margins, mouse, focus, bracketed
    /// paste, alternate scroll, synchronised output.
    private static let privateModes: Set<Int> = [
        1, 5, 6, 7, 9, 12, 25, 45, 47, 66, 69, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 1047, 1048, 1049, 2004, 2026,
    ]

    /// The parameters and intermediates of a sequence that passes, without modes that do not; nil when it does not pass.
    static func allowed(control body: [UInt8], final: UInt8) -> [UInt8]? {
        let parameters = body.prefix { $0 >= 0x30 }
        let intermediates = body.dropFirst(parameters.count)
        guard intermediates.allSatisfy({ $0 < 0x30 }), intermediates.count <= 1 else { return nil }
        let leader = parameters.first.flatMap { $0 >= UInt8(ascii: "<") ? $0 : nil }
        let numbers = leader == nil ? parameters : parameters.dropFirst()
        guard numbers.allSatisfy({ $0 <= UInt8(ascii: ";") }) else { return nil }
        let name = Character(Unicode.Scalar(final))
        switch (leader.map { Character(Unicode.Scalar($0)) }, intermediates.first.map { Character(Unicode.Scalar($0)) }) {
        case (nil, nil):
            if name == "h" || name == "l" { return filtered(numbers, leader: nil, modes) }
            // A scroll with five parameters would start highlight tracking of the mouse.
            if name == "T", numbers.contains(UInt8(ascii: ";")) { return nil }
            return "@ABCDEFGHIJKLMPSTXZ`abdefgmrsu".contains(name) ? body : nil
        case ("?", nil):
            if name == "h" || name == "l" { return filtered(numbers, leader: UInt8(ascii: "?"), privateModes) }
            return name == "J" || name == "K" ? body : nil
        // How keys are sent: xterm's modifyOtherKeys and kitty's protocol. Questions (`? m`, `? u`) do not pass.
        case (">", nil): return name == "m" || name == "u" ? body : nil
        case ("<", nil), ("=", nil): return name == "u" ? body : nil
        case (nil, " "): return name == "q" ? body : nil
        case (nil, "!"): return name == "p" ? body : nil
        case (nil, "\""): return name == "q" ? body : nil
        default: return nil
        }
    }

    private static func filtered(_ numbers: some Collection<UInt8>, leader: UInt8?, _ allowed: Set<Int>) -> [UInt8]? {
        let kept = numbers.split(separator: UInt8(ascii: ";")).filter { digits in
            Int(String(decoding: digits, as: UTF8.self)).map(allowed.contains) ?? false
        }
        if kept.isEmpty { return nil }
        return (leader.map { [$0] } ?? []) + Array(kept.joined(separator: [UInt8(ascii: ";")]))
    }

    // MARK: OSC

    static func allowed(command body: [UInt8], by allowance: TerminalFilter.Allowance) -> [UInt8]? {
        guard body.count <= TerminalFilter.longestCommand, let semicolon = body.firstIndex(of: UInt8(ascii: ";")) else { return nil }
        let rest = body[(semicolon + 1)...]
        switch String(decoding: body[..<semicolon], as: UTF8.self) {
        case "0", "1", "2":
            guard allowance.contains(.title) else { return nil }
            return Array(body[...semicolon]) + harmless(rest.prefix(256))
        case "52":
            guard allowance.contains(.clipboard), let end = rest.firstIndex(of: UInt8(ascii: ";")) else { return nil }
            let value = rest[(end + 1)...]
            let isSelection = rest[..<end].allSatisfy { Set("cpqs01234567".utf8).contains($0) }
            let isBase64 = value.allSatisfy { isLetterOrDigit($0) || Set("+/=".utf8).contains($0) }
            return isSelection && isBase64 ? body : nil
        case "8":
            guard allowance.contains(.hyperlinks), let end = rest.firstIndex(of: UInt8(ascii: ";")) else { return nil }
            let address = rest[(end + 1)...]
            guard rest[..<end].allSatisfy({ isLetterOrDigit($0) || Set("=:-_.".utf8).contains($0) }),
                address.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
                address.isEmpty || address.starts(with: "https://".utf8) || address.starts(with: "http://".utf8)
            else { return nil }
            return body
        default: return nil
        }
    }

    /// A text without controls of any kind.
    private static func harmless(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var repair = UTF8Repair()
        var result: [UInt8] = []
        for byte in bytes where byte >= 0x20 && byte != 0x7F { repair.take(byte, into: &result) }
        repair.end(into: &result)
        return result
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
