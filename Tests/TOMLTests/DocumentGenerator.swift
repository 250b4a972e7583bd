import TOML
import TestSupport

/// Writes random documents, mostly valid ones, in many spellings.
enum DocumentGenerator {
    static func document(_ generator: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            switch Int.random(in: 0..<9, using: &generator) {
            case 0: text += "[\(key(&generator))]" + ending(&generator)
            case 1: text += "[[\(key(&generator))]]" + ending(&generator)
            case 2: text += "# a comment é" + ending(&generator)
            default: text += "\(indent(&generator))\(key(&generator)) = \(value(&generator, 3))" + ending(&generator)
            }
        }
        return text
    }

    /// The path of something in a table.
    static func existingPath(_ table: TOMLTable, _ generator: inout SeededGenerator) -> [String] {
        guard let entry = table.entries.randomElement(using: &generator) else { return [] }
        if case .table(let inner) = entry.node.value, Int.random(in: 0..<4, using: &generator) > 0 {
            return [entry.key] + existingPath(inner, &generator)
        }
        return [entry.key]
    }

    /// A few random changes of bytes.
    static func mutated(_ text: String, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(text.utf8)
        let interesting = Array("[]{}=.,#\"'\\\n\r\t -+_:eExob0179TZz".utf8) + [0, 0x7F, 0x80, 0xC3, 0xFF]
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes.insert(interesting.randomElement(using: &generator) ?? 0, at: place)
            case 1 where place < bytes.count: bytes[place] = interesting.randomElement(using: &generator) ?? 0
            case 2 where place < bytes.count: bytes.remove(at: place)
            default:
                let end = Int.random(in: place...bytes.count, using: &generator)
                bytes.insert(contentsOf: bytes[place..<min(end, place + 40)], at: place)
            }
        }
        return bytes
    }

    private static func ending(_ generator: inout SeededGenerator) -> String {
        ["\n", "\n", "\n", " # c\n", "\r\n", "\n\n", "\t\n"].randomElement(using: &generator) ?? "\n"
    }

    private static func indent(_ generator: inout SeededGenerator) -> String {
        ["", "", "", "  ", "\t"].randomElement(using: &generator) ?? ""
    }

    private static func key(_ generator: inout SeededGenerator) -> String {
        let parts = ["a", "b", "c", "d", "e", "f", "g", "long-key_1", "12", "\"q k\"", "'l.k'", "\"\\u00e9\"", "\"\""]
        let count = [1, 1, 1, 2, 2, 3].randomElement(using: &generator) ?? 1
        let dot = [".", ".", " . "].randomElement(using: &generator) ?? "."
        return (0..<count).map { _ in parts.randomElement(using: &generator) ?? "a" }.joined(separator: dot)
    }

    private static func value(_ generator: inout SeededGenerator, _ depth: Int) -> String {
        let scalars = [
            "1", "0", "-17", "+3", "1_000", "0xFf_0", "0o17", "0b10_1", "9223372036854775807", "-9223372036854775808", "1.5", "-0.0",
            "6.02e23", "1E-7", "1e400", "3.14_15", "inf", "-inf", "nan", "true", "false", "\"text\"", "\"\"", "'lit \\'",
            "\"\\u00e9\\n\\\"\"",
            "\"\"\"\nline\n\\\n   next\"\"\"", "'''\nraw\n'''", "\"\"\"a\"\"b\"\"\"\"\"", "\"日本\"", "1979-05-27T07:32:00Z",
            "1979-05-27 07:32:00.123456789-07:00", "1979-05-27T00:32:00", "1979-05-27", "07:32:00", "00:32:00.999", "0.1", "4.9e-324",
            "1.7976931348623157e308", "123456789012345678", "0.30000000000000004",
        ]
        if depth > 0 {
            switch Int.random(in: 0..<8, using: &generator) {
            case 0:
                let elements = (0..<Int.random(in: 0...3, using: &generator)).map { _ in value(&generator, depth - 1) }
                let separator = [", ", ",", ",\n  ", " , # c\n"].randomElement(using: &generator) ?? ","
                let trailing = elements.isEmpty ? "" : ["", "", ",", ",\n"].randomElement(using: &generator) ?? ""
                return "[" + elements.joined(separator: separator) + trailing + "]"
            case 1:
                let pairs = (0..<Int.random(in: 0...3, using: &generator)).map { _ in "\(key(&generator)) = \(value(&generator, depth - 1))"
                }
                return "{ " + pairs.joined(separator: ", ") + " }"
            default: break
            }
        }
        return scalars.randomElement(using: &generator) ?? "1"
    }
}
