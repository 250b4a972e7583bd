import CoopErrors
import LinuxKernel

/// Files of `NAME=VALUE` lines. Strict: a line that is not understood, or that sets a variable again, is an error with its place, and nothing
/// is expanded.
///
/// Blank lines and lines beginning with `#` are skipped, `export` in front is allowed. A value may stand in single quotes
/// (taken as it is) or double quotes (`\n`, `\t`, `\"`, `\\` and `\$` are understood). An unquoted value ends at ` #`.
public enum EnvironmentFile {
    public struct Entry: Sendable, Equatable {
        public var name: String
        public var value: String
        public var line: Int
    }

    /// - Parameters:
    ///   - path: the file.
    ///   - shown: how the user wrote it, for messages.
    public static func read(_ path: String, shown: String) throws(CoopError) -> [Entry] {
        let bytes: [UInt8]
        do { bytes = try FileSystem.read(path, limit: 1 << 20) } catch {
            throw CoopError(
                .configuration, "cannot read the environment file \(shown.printable)", error.reason, next: "check the path after --env-file"
            )
        }
        return try parse(bytes, shown: shown)
    }

    /// The same of a file's contents.
    public static func parse(_ bytes: [UInt8], shown: String) throws(CoopError) -> [Entry] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CoopError(
                .configuration, "cannot read the environment file \(shown.printable)", "it is not UTF-8 text", next: "iconv -t UTF-8")
        }
        return try parse(text, shown: shown)
    }

    public static func parse(_ text: String, shown: String) throws(CoopError) -> [Entry] {
        var result: [Entry] = []
        var lines: [String: Int] = [:]
        for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }).enumerated() {
            let line = index + 1
            var rest = raw.drop(while: isBlank)
            if rest.isEmpty || rest.first == "#" { continue }
            if rest.hasPrefix("export ") || rest.hasPrefix("export\t") { rest = rest.dropFirst(6).drop(while: isBlank) }
            let column = raw.distance(from: raw.startIndex, to: rest.startIndex) + 1
            func failure(_ reason: String, at column: Int) -> CoopError {
                CoopError(
                    .configuration, "the environment file is wrong", "\(shown.printable):\(line):\(column): \(reason)",
                    next: "write NAME=VALUE, with quotes around values that hold spaces and #")
            }
            guard let equals = rest.firstIndex(of: "=") else { throw failure("there is no `=`", at: column) }
            let name = String(rest[..<equals])
            guard isName(name) else { throw failure("`\(name.printable)` is not the name of a variable", at: column) }
            if let first = lines.updateValue(line, forKey: name) { throw failure("`\(name)` is set in line \(first) already", at: column) }
            let value = rest[rest.index(after: equals)...]
            let valueColumn = raw.distance(from: raw.startIndex, to: value.startIndex) + 1
            guard let parsed = parseValue(value) else { throw failure("the quotes do not close, or text follows them", at: valueColumn) }
            if parsed.utf8.contains(0) { throw failure("the value holds a NUL byte", at: valueColumn) }
            result.append(Entry(name: name, value: parsed, line: line))
        }
        return result
    }

    /// Whether a shell would accept the name.
    public static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(first >= 0x30 && first <= 0x39) else { return false }
        return name.utf8.allSatisfy {
            ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A) || $0 == 0x5F
        }
    }

    private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }

    private static func parseValue(_ text: Substring) -> String? {
        guard let quote = text.first, quote == "'" || quote == "\"" else {
            var end = text.endIndex
            var previousIsBlank = false
            for index in text.indices {
                if text[index] == "#", previousIsBlank {
                    end = index
                    break
                }
                previousIsBlank = isBlank(text[index])
            }
            var value = text[..<end]
            while let last = value.last, isBlank(last) { value.removeLast() }
            return String(value)
        }
        var result = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if character == quote {
                let tail = rest.drop(while: isBlank)
                return tail.isEmpty || tail.first == "#" ? result : nil
            }
            if character == "\\", quote == "\"" {
                guard let escaped = rest.popFirst() else { return nil }
                switch escaped {
                case "n": result.append("\n")
                case "t": result.append("\t")
                case "\"", "\\", "$", "`": result.append(escaped)
                default: result += "\\" + String(escaped)
                }
            } else {
                result.append(character)
            }
        }
        return nil
    }
}
