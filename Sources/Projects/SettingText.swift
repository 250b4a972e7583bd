import CoopErrors
import LinuxKernel
import TOML

/// What a person writes on a command line as the value of a key, and its form in a file. What the value may be is checked afterwards, with
/// the rest of the file.
struct SettingText {
    let key: String
    let form: ConfigurationSchema.Form
    let file: ConfigurationFile

    /// What a list or a table holds.
    enum Collection {
        case elements([TOMLValue])
        case pairs([(name: String, value: TOMLValue)])
    }

    /// The value of the texts together.
    func value(_ texts: [String]) throws(CoopError) -> TOMLValue {
        switch form {
        case .list, .ports, .mounts, .map:
            switch try collection(texts) {
            case .elements(let values): return .array(values.map { TOMLNode(value: $0, position: SettingText.nowhere) })
            case .pairs(let pairs): return .table(TOMLTable(pairs.map { (key: $0.name, value: $0.value) }))
            }
        case .records, .named: throw failure("it holds tables", next: file.editCommand)
        default: break
        }
        guard texts.count == 1, let text = texts.first else { throw failure("it takes one value", next: "coop config set --help") }
        switch form {
        case .size: return Int64(text).map { .integer($0) } ?? .string(text)
        case .count, .fraction:
            if let whole = Int64(text) { return .integer(whole) }
            if case .success(.number(let number)) = ScalarForm.value(text, form) { return .float(number) }
            return .string(text)
        case .flag: return text == "true" || text == "false" ? .boolean(text == "true") : .string(text)
        default: return .string(text)
        }
    }

    /// The elements or pairs of the texts together.
    func collection(_ texts: [String]) throws(CoopError) -> Collection {
        switch form {
        case .list, .ports, .mounts:
            var result: [TOMLValue] = []
            for text in texts {
                if text.hasPrefix("[") {
                    guard case .array(let elements) = try literal(text) else {
                        throw failure("the value is no array", next: "coop config list")
                    }
                    result += elements.map(\.value)
                } else {
                    result += text.split(separator: ",").map { element(SettingText.trimmed($0)) }
                }
            }
            return .elements(result)
        case .map:
            var result: [(name: String, value: TOMLValue)] = []
            for text in texts {
                if text.hasPrefix("{") {
                    guard case .table(let table) = try literal(text) else {
                        throw failure("the value is no table", next: "coop config list")
                    }
                    result += table.entries.map { ($0.key, $0.node.value) }
                } else {
                    guard let equals = text.firstIndex(of: "=") else {
                        throw failure("`\(text.printable)` is not NAME=VALUE", next: "coop config set --help")
                    }
                    result.append((String(text[..<equals]), .string(String(text[text.index(after: equals)...]))))
                }
            }
            return .pairs(result)
        default: throw failure("it holds a single value", next: "coop config set \(key.shellQuoted) VALUE")
        }
    }

    private func element(_ text: String) -> TOMLValue {
        form == .ports ? Int64(text).map { .integer($0) } ?? .string(text) : .string(text)
    }

    private static func trimmed(_ part: Substring) -> String {
        String(String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()))
    }

    private static let nowhere = TOMLPosition(line: 1, column: 1, range: 0..<0)

    private func literal(_ text: String) throws(CoopError) -> TOMLValue {
        do {
            return try TOMLDocument.value(parsing: text, name: key)
        } catch {
            throw failure("the value is not TOML: \(error.reason)", next: "coop config list")
        }
    }

    private func failure(_ why: String, next: String) -> CoopError {
        CoopError(.usage, "cannot set `\(key.printable)`", why, next: next)
    }
}

extension TOMLValue {
    /// A text without its quotes; everything else as it is written.
    var plainText: String {
        if case .string(let text) = self { return text }
        return text
    }

    /// Of an array.
    var elements: [TOMLNode] {
        if case .array(let elements) = self { return elements }
        return []
    }
}
