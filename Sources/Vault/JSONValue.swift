import LinuxKernel

/// JSON (RFC 8259) that keeps what it does not know: the order of members, and numbers as they were written.
public enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    /// As it was written: `9999999999999`, `1e3`.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    public struct Member: Sendable, Equatable {
        public var name: String
        public var value: JSONValue

        public init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    public init(_ pairs: KeyValuePairs<String, JSONValue>) { self = .object(pairs.map { Member($0.key, $0.value) }) }

    /// A member of an object; setting nil removes it.
    public subscript(name: String) -> JSONValue? {
        get {
            guard case .object(let members) = self else { return nil }
            return members.last { $0.name == name }?.value
        }
        set {
            var members: [Member] = []
            if case .object(let old) = self { members = old }
            if let newValue {
                if let index = members.lastIndex(where: { $0.name == name }) {
                    members[index].value = newValue
                } else {
                    members.append(Member(name, newValue))
                }
            } else {
                members.removeAll { $0.name == name }
            }
            self = .object(members)
        }
    }

    /// The value at a path of names.
    public func at(_ path: [String]) -> JSONValue? {
        path.reduce(Optional(self)) { $0?[$1] }
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }

    /// A whole number; fractions are cut off.
    public var integer: Int64? {
        guard case .number(let text) = self else { return nil }
        return Int64(text) ?? Double(text).flatMap { $0.magnitude < 9e18 ? Int64($0) : nil }
    }

    public var strings: [String]? {
        guard case .array(let elements) = self else { return nil }
        let texts = elements.compactMap(\.string)
        return texts.count == elements.count ? texts : nil
    }

    /// The value at a JSON pointer (RFC 6901), `/claudeAiOauth/accessToken`; a name without a slash is a member of the root.
    public func pointed(by pointer: String) -> JSONValue? {
        if !pointer.hasPrefix("/") { return pointer.isEmpty ? self : self[pointer] }
        var value: JSONValue? = self
        for token in pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            var name = ""
            var rest = token[...]
            while let first = rest.first {
                if rest.hasPrefix("~1") { name += "/" } else if rest.hasPrefix("~0") { name += "~" } else { name.append(first) }
                rest = rest.dropFirst(rest.hasPrefix("~1") || rest.hasPrefix("~0") ? 2 : 1)
            }
            if case .array(let elements)? = value {
                guard let index = Int(name), elements.indices.contains(index) else { return nil }
                value = elements[index]
            } else {
                value = value?[name]
            }
        }
        return value
    }

    // MARK: Text

    /// The text, in one line or, with `indented`, as people write it.
    public func text(indented: Bool = false) -> String {
        var result = ""
        write(to: &result, indent: indented ? 0 : nil)
        return result
    }

    private func write(to text: inout String, indent: Int?) {
        func list<Element>(_ open: String, _ close: String, _ elements: [Element], _ body: (Element, inout String, Int?) -> Void) {
            text += open
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                if let indent { text += "\n" + String(repeating: "  ", count: indent + 1) }
                body(element, &text, indent.map { $0 + 1 })
            }
            if let indent, !elements.isEmpty { text += "\n" + String(repeating: "  ", count: indent) }
            text += close
        }
        switch self {
        case .null: text += "null"
        case .boolean(let value): text += value ? "true" : "false"
        case .number(let written): text += written
        case .string(let value): text += JSONValue.quoted(value)
        case .array(let elements): list("[", "]", elements) { $0.write(to: &$1, indent: $2) }
        case .object(let members):
            list("{", "}", members) {
                $1 += JSONValue.quoted($0.name) + ($2 == nil ? ":" : ": ")
                $0.value.write(to: &$1, indent: $2)
            }
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
