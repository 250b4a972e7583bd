import CoopErrors
import EventLog
import LinuxKernel
import TOML

/// How lines of an agent's stream become events: rules, read from a file of data (docs/events.md, "Formats").
public struct StreamFormat: Sendable {
    struct Condition: Sendable {
        var selector: Selector
        /// The text that it must be; nil when anything will do.
        var expected: String?
    }

    struct Field: Sendable {
        var name: String
        var selector: Selector
        /// For a list: the names of each element's fields, and where they are.
        var elements: [(name: String, selector: Selector)]?
    }

    struct Rule: Sendable {
        /// What must hold for the line.
        var conditions: [Condition]
        /// The array whose elements are events of their own, and what must hold for one of them.
        var each: String?
        var elementConditions: [Condition]
        /// Nil for what is understood and no event.
        var event: EventType?
        var fields: [Field]
    }

    public let name: String
    let rules: [Rule]

    /// Reads a file of rules.
    ///
    /// - Throws: `configuration` with the place in the file.
    public init(name: String, _ text: [UInt8], document: String) throws(CoopError) {
        self.name = name
        let table: TOMLTable
        do { table = try TOMLDocument(parsing: text, name: document).root } catch {
            throw StreamFormat.problem("\(error)")
        }
        var rules: [Rule] = []
        for entry in table.entries {
            guard entry.key == "rules", case .array(let elements) = entry.node.value else {
                throw StreamFormat.problem("\(document):\(entry.keyPosition): unknown key `\(entry.key.printable)`")
            }
            for element in elements {
                guard case .table(let rule) = element.value else { throw StreamFormat.problem("\(document):\(element.position): no table") }
                rules.append(try StreamFormat.rule(rule, at: "\(document):\(element.position)"))
            }
        }
        self.rules = rules
    }

    private static func rule(_ table: TOMLTable, at place: String) throws(CoopError) -> Rule {
        var rule = Rule(conditions: [], each: nil, elementConditions: [], event: nil, fields: [])
        for entry in table.entries {
            switch (entry.key, entry.node.value) {
            case ("when", .table(let conditions)): rule.conditions = try self.conditions(conditions, at: place)
            case ("if", .table(let conditions)): rule.elementConditions = try self.conditions(conditions, at: place)
            case ("each", .string(let path)): rule.each = path
            case ("event", .string(let type)): rule.event = type == "none" ? nil : EventType(rawValue: type)
            case ("fields", .table(let fields)):
                for field in fields.entries {
                    switch field.node.value {
                    case .string(let path): rule.fields.append(Field(name: field.key, selector: Selector(path), elements: nil))
                    case .table(let list):
                        guard case .string(let from)? = list["from"]?.value else {
                            throw problem("\(place): the list `\(field.key.printable)` has no `from`")
                        }
                        var elements: [(name: String, selector: Selector)] = []
                        for part in list.entries where part.key != "from" {
                            guard case .string(let path) = part.node.value else {
                                throw problem("\(place): `\(part.key.printable)` is no path")
                            }
                            elements.append((part.key, Selector(path)))
                        }
                        rule.fields.append(Field(name: field.key, selector: Selector(from), elements: elements))
                    default: throw problem("\(place): the field `\(field.key.printable)` is no path")
                    }
                }
            default: throw problem("\(place): `\(entry.key.printable)` is not known here")
            }
        }
        guard !rule.conditions.isEmpty else { throw problem("\(place): a rule needs `when`") }
        return rule
    }

    private static func conditions(_ table: TOMLTable, at place: String) throws(CoopError) -> [Condition] {
        var result: [Condition] = []
        for entry in table.entries {
            guard case .string(let text) = entry.node.value else { throw problem("\(place): `\(entry.key.printable)` must be a text") }
            result.append(Condition(selector: Selector(entry.key), expected: text == "*" ? nil : text))
        }
        return result
    }

    private static func problem(_ why: String) -> CoopError {
        CoopError(.configuration, "the rules for an agent's stream are wrong", why, next: "coop version")
    }
}

extension StreamFormat {
    /// The formats that coop knows; nil for another, whose lines are then kept as they are.
    public static func named(_ name: String) throws(CoopError) -> StreamFormat? {
        guard let text = EmbeddedData.bytes(name) else { return nil }
        return try StreamFormat(name: name, text, document: "\(name).toml")
    }
}
