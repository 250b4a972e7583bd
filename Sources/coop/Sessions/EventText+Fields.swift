import LinuxKernel
import Vault

extension EventText {
    /// The fields of an event, read as whoever shows it wants them: what is missing or of another kind is empty.
    struct Fields {
        private let value: JSONValue
        private let content: (_ sha256: String) -> [UInt8]?

        init(_ bytes: [UInt8], content: @escaping (_ sha256: String) -> [UInt8]?) {
            value = JSONValue.parsed(bytes) ?? .object([])
            self.content = content
        }

        /// A text, fetched where it is kept by its hash; a value of another kind as JSON.
        func text(_ name: String) -> String {
            switch value[name] {
            case nil, .null: return ""
            case .string(let text): return text
            case let other?:
                guard let hash = other["sha256"]?.string, other["bytes"] != nil else { return other.text() }
                return content(hash).map { String(decoding: $0, as: UTF8.self) } ?? ""
            }
        }

        func number(_ name: String) -> Int64? { value[name]?.integer }

        func flag(_ name: String) -> Bool { value[name] == .boolean(true) }

        func list(_ name: String) -> [String] {
            if case .array(let elements)? = value[name] { return elements.map { $0.string ?? $0.text() } }
            return text(name).isEmpty ? [] : [text(name)]
        }

        /// The call of a tool in one line: its name, and what it is about.
        var call: String {
            let name = text("name")
            guard let input = value["input"] else { return name }
            if let about = Fields.about.lazy.compactMap({ input[$0]?.string }).first { return "\(name): \(about)" }
            if case .object(let members) = input, members.isEmpty { return name }
            return "\(name): \(text("input"))"
        }

        /// What says most about a call, the first that is there.
        private static let about = ["command", "cmd", "file_path", "filePath", "path", "pattern", "query", "url", "description", "prompt"]

        var todos: [String] {
            guard case .array(let items)? = value["items"] else { return [] }
            return items.map { item in
                let mark =
                    switch item["status"]?.string {
                    case "completed", "done": "[x]"
                    case "in_progress", "in-progress", "active": "[>]"
                    default: "[ ]"
                    }
                return "\(mark) " + EventText.cut(item["text"]?.string ?? item.text())
            }
        }

        var usage: String {
            var parts: [String] = []
            for (name, text) in [
                ("input_tokens", "in"), ("output_tokens", "out"), ("cache_read_tokens", "from cache"), ("cache_write_tokens", "to cache"),
            ] {
                if let count = number(name), count > 0 { parts.append("\(count) \(text)") }
            }
            if case .number(let dollars)? = value["cost_usd"] { parts.append("$\(dollars)") }
            return parts.joined(separator: ", ")
        }
    }
}
