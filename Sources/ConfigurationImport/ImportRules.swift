import LinuxKernel
import TOML

/// What a tool's keys mean, key by key. Whatever no rule knows is reported as unknown: nothing is passed over in silence.
struct ImportRules {
    /// A place in a file that a rule is about.
    struct Place {
        var node: ImportNode
        /// As the tool writes it: `services.postgres.version`.
        var key: String
        /// The names on the way, `[]` for an element of a list.
        var path: [String]

        func finding(_ outcome: ImportFinding.Outcome, next: String? = nil) -> ImportFinding {
            ImportFinding(key: key, line: node.line, column: node.column, outcome: outcome, next: next)
        }

        /// That it is a secret, if it looks like one.
        var secret: ImportFinding? {
            guard let text = node.text, SecretShape.isSecret(text) else { return nil }
            return finding(.secret, next: SecretNames.command(for: path.last { $0 != "[]" } ?? ""))
        }

        /// A place further down.
        func at(_ name: String) -> Place? { node[name].map { Place(node: $0, key: key + "." + name, path: path + [name]) } }
    }

    typealias Rule = (Place) -> [ImportFinding]

    private let tool: String
    private var rules: [(pattern: [String], rule: Rule)] = []

    /// - Parameter tool: as it is called in reports.
    init(_ tool: String) { self.tool = tool }

    /// Adds a rule. The first that fits holds.
    ///
    /// - Parameter pattern: names between dots; `*` for any name, `[]` for the elements of a list.
    mutating func add(_ pattern: String, _ rule: @escaping Rule) {
        rules.append((pattern.split(separator: ".").map(String.init), rule))
    }

    /// Everything in a file, in its order.
    func findings(in root: ImportNode) -> [ImportFinding] {
        guard case .table = root.value else {
            return [ImportFinding(key: "", line: root.line, column: root.column, outcome: .dropped("it is not a table of keys"))]
        }
        if case .table(let entries) = root.value, entries.isEmpty { return [] }
        return visit(Place(node: root, key: "", path: []))
    }

    private func visit(_ place: Place) -> [ImportFinding] {
        if let secret = place.secret { return [secret] }
        switch place.node.value {
        case .list(let nodes) where nodes.isEmpty: return [place.finding(.covered("it is empty"))]
        case .table(let entries) where entries.isEmpty: return [place.finding(.covered("it is empty"))]
        default: break
        }
        if let rule = rules.first(where: { ImportRules.fits($0.pattern, place.path) }) { return rule.rule(place) }
        switch place.node.value {
        case .scalar: return [place.finding(.dropped("coop knows no such key of \(tool)"))]
        case .list(let nodes):
            return nodes.enumerated().flatMap { index, node in
                visit(Place(node: node, key: "\(place.key)[\(index)]", path: place.path + ["[]"]))
            }
        case .table(let entries):
            return entries.flatMap { entry in
                visit(
                    Place(
                        node: entry.node, key: (place.key.isEmpty ? "" : place.key + ".") + TOMLValue.keyText(entry.key),
                        path: place.path + [entry.key]))
            }
        }
    }

    private static func fits(_ pattern: [String], _ path: [String]) -> Bool {
        pattern.count == path.count && zip(pattern, path).allSatisfy { $0 == $1 || $0 == "*" && $1 != "[]" }
    }
}
