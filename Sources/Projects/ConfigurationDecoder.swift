import CoopErrors
import LinuxKernel
import TOML

/// Turns a document into a layer, following the schema: unknown keys and wrong types are problems, each with its place.
struct ConfigurationDecoder {
    typealias Schema = ConfigurationSchema

    private(set) var layer: ConfigurationLayer
    private(set) var problems: [ConfigurationProblem] = []
    private let name: String

    /// - Parameter name: the file as it is shown to a person.
    init(_ kind: ConfigurationOrigin.Layer, name: String) {
        layer = ConfigurationLayer(kind)
        self.name = name
    }

    mutating func decode(_ document: TOMLDocument) {
        for entry in document.root.entries {
            if Schema.sections.contains(entry.key) {
                guard case .table(let table) = entry.node.value else {
                    report(entry.key, entry.node.position, "`\(entry.key)` must be a table, not \(entry.node.value.kindName)")
                    continue
                }
                for inner in table.entries { decode(inner, path: entry.key + "." + inner.key, parent: entry.key + ".") }
            } else {
                decode(entry, path: entry.key, parent: "")
            }
        }
    }

    private mutating func decode(_ entry: TOMLTable.Entry, path: String, parent: String) {
        // A quoted key may hold a dot: "sandbox.memory" = 1 is no key of ours.
        guard !entry.key.contains("."), let key = Schema.keys[path] else {
            reportUnknown(entry, parent: parent)
            return
        }
        if key.schema.approval == .refused, layer.layer.isRepository {
            problems.append(
                ConfigurationProblem(
                    key: path, origin: origin(entry.keyPosition),
                    reason: "`\(path)` belongs into your own configuration: \(key.schema.reason)",
                    next: "coop config set --user \(path) VALUE"))
            return
        }
        guard let value = value(entry.node, key.schema.form, path) else { return }
        layer.configuration[key] = Setting(value, origin(entry.node.position))
    }

    // MARK: Values

    private mutating func value(_ node: TOMLNode, _ form: Schema.Form, _ path: String) -> ConfigurationValue? {
        switch form {
        case .text(let rule): return text(node, rule, path).map { .text($0) }
        case .size, .duration, .count, .fraction:
            switch ScalarForm.value(node.value, form) {
            case .success(let value): return value
            case .failure(let problem):
                report(path, node.position, "`\(path)` \(problem.reason)")
                return nil
            }
        case .flag:
            guard case .boolean(let flag) = node.value else {
                report(path, node.position, "`\(path)` must be true or false, not \(node.value.kindName)")
                return nil
            }
            return .text(flag ? "true" : "false")
        case .list, .ports, .mounts:
            guard case .array(let elements) = node.value else {
                report(path, node.position, "`\(path)` must be an array, not \(node.value.kindName)")
                return nil
            }
            return .items(elements.compactMap { item($0, form, path) })
        case .map(let names, let values):
            return table(node, path).map { table in
                .items(
                    table.entries.compactMap { entry in
                        check(entry, names, path)
                        return text(entry.node, values, path + "." + TOMLValue.keyText(entry.key)).map {
                            ConfigurationItem(name: entry.key, content: .pair($0), origin: origin(entry.keyPosition))
                        }
                    })
            }
        case .records(let fields):
            guard case .array(let elements) = node.value else {
                report(path, node.position, "`\(path)` must be an array of tables, [[\(path)]], not \(node.value.kindName)")
                return nil
            }
            return .items(elements.compactMap { record($0, fields, path) })
        case .named(let fields):
            return table(node, path).map { table in
                .items(
                    table.entries.flatMap { entry -> [ConfigurationItem] in
                        check(entry, .commandName, path)
                        return named(entry, fields, path)
                    })
            }
        }
    }

    private mutating func text(_ node: TOMLNode, _ rule: Schema.Text, _ path: String) -> String? {
        guard case .string(let text) = node.value else {
            report(path, node.position, "`\(path)` must be a string, not \(node.value.kindName)")
            return nil
        }
        if let problem = TextRule.problem(text, rule) {
            report(path, node.position, "`\(path)`: \(problem)")
            return nil
        }
        return text
    }

    private mutating func table(_ node: TOMLNode, _ path: String) -> TOMLTable? {
        if case .table(let table) = node.value { return table }
        report(path, node.position, "`\(path)` must be a table, not \(node.value.kindName)")
        return nil
    }

    private mutating func check(_ entry: TOMLTable.Entry, _ rule: Schema.Text, _ path: String) {
        if let problem = TextRule.problem(entry.key, rule) { report(path, entry.keyPosition, "`\(path)`: \(problem)") }
    }

    private mutating func item(_ node: TOMLNode, _ form: Schema.Form, _ path: String) -> ConfigurationItem? {
        let result: Result<ConfigurationItem, ValueProblem>
        switch (node.value, form) {
        case (.string(let text), .list), (.string(let text), .mounts): result = ScalarForm.item(text, form, origin(node.position))
        case (.integer(let number), .ports): result = ScalarForm.item(String(number), form, origin(node.position))
        case (_, .ports): result = .failure("each port must be an integer, not \(node.value.kindName)")
        default: result = .failure("each element must be a string, not \(node.value.kindName)")
        }
        switch result {
        case .success(let item): return item
        case .failure(let problem):
            report(path, node.position, "`\(path)`: \(problem.reason)")
            return nil
        }
    }

    // MARK: Records

    /// The fields of one table, checked; nil when one is wrong or missing.
    private mutating func fields(_ table: TOMLTable, _ position: TOMLPosition, _ fields: [Schema.Field], _ path: String) -> RecordFields? {
        let before = problems.count
        var result = RecordFields()
        for entry in table.entries {
            guard let field = fields.first(where: { $0.name == entry.key }) else {
                let near = NearestName.find(entry.key, among: fields.map(\.name)).map { "; did you mean `\($0)`?" } ?? ""
                report(path, entry.keyPosition, "unknown key `\(entry.key.printable)` in `\(path)`\(near)")
                continue
            }
            let fieldPath = path + "." + field.name
            switch value(entry.node, field.form, fieldPath) {
            case .text(let text)?: result.texts[field.name] = text
            case .items(let items)?: result.lists[field.name] = items
            default: break
            }
        }
        for field in fields where field.isRequired && table[field.name] == nil {
            report(path, position, "`\(path)` needs `\(field.name)`")
        }
        return problems.count == before ? result : nil
    }

    private mutating func record(_ node: TOMLNode, _ fields: [Schema.Field], _ path: String) -> ConfigurationItem? {
        guard let table = table(node, path), let found = self.fields(table, node.position, fields, path) else { return nil }
        let made =
            switch path {
            case ConfigurationKey.grants.path: found.grant()
            case ConfigurationKey.sshKeys.path: found.key()
            default: found.rule()
            }
        switch made {
        case .success(var item):
            item.origin = origin(node.position)
            return item
        case .failure(let problem):
            report(path, node.position, "`\(path)`: \(problem.reason)")
            return nil
        }
    }

    private mutating func named(_ entry: TOMLTable.Entry, _ fields: [Schema.Field], _ path: String) -> [ConfigurationItem] {
        let path = path + "." + TOMLValue.keyText(entry.key)
        guard let table = table(entry.node, path), let found = self.fields(table, entry.node.position, fields, path) else { return [] }
        if let version = found.texts["version"] {
            let service = ServiceSetting(name: entry.key, version: version)
            return [ConfigurationItem(name: entry.key, content: .service(service), origin: origin(entry.keyPosition))]
        }
        return fields.flatMap { field -> [ConfigurationItem] in
            guard let action = CommandSetting.Action(rawValue: field.name) else { return [] }
            return (found.lists[field.name] ?? []).map { pattern in
                let command = CommandSetting(command: entry.key, action: action, pattern: pattern.name)
                return ConfigurationItem(
                    name: "\(entry.key) \(action.rawValue) \(pattern.name)", content: .command(command), origin: pattern.origin)
            }
        }
    }

    // MARK: Problems

    private func origin(_ position: TOMLPosition) -> ConfigurationOrigin {
        ConfigurationOrigin(layer: layer.layer, name: name, line: position.line, column: position.column)
    }

    private mutating func report(_ key: String, _ position: TOMLPosition, _ reason: String) {
        problems.append(ConfigurationProblem(key: key, origin: origin(position), reason: reason))
    }

    private mutating func reportUnknown(_ entry: TOMLTable.Entry, parent: String) {
        let name = (parent + TOMLValue.keyText(entry.key)).printable
        report(name, entry.keyPosition, "unknown key `\(name)`\(ConfigurationDecoder.hint(entry.key, parent: parent))")
    }

    /// The nearest key: in the same table, else one of that name in another table.
    static func hint(_ key: String, parent: String) -> String {
        if Schema.keys[key] != nil { return "; did you mean `\(key)`?" }
        let all = Schema.entries.map(\.path)
        let siblings = all.filter { $0.hasPrefix(parent) }.map { String($0.dropFirst(parent.count)) }
        let local = siblings.filter { !$0.contains(".") } + (parent.isEmpty ? Schema.sections : [])
        if let near = NearestName.find(key, among: local) { return "; did you mean `\(parent)\(near)`?" }
        let leaves = all.filter { $0.contains(".") }
        let same = leaves.filter {
            $0.split(separator: ".").last.map { NearestName.distance(Array($0.utf8), Array(key.utf8)) <= 1 } ?? false
        }
        return same.first.map { "; did you mean `\($0)`?" } ?? ""
    }
}

/// The checked fields of a record.
private struct RecordFields {
    var texts: [String: String] = [:]
    var lists: [String: [ConfigurationItem]] = [:]

    func rule() -> Result<ConfigurationItem, ValueProblem> {
        guard let host = texts["host"], let action = texts["action"].flatMap(NetworkRuleSetting.Action.init(rawValue:)) else {
            return .failure("needs `host` and `action`")
        }
        let rule = NetworkRuleSetting(
            host: host, methods: (lists["methods"] ?? []).map(\.name), paths: (lists["paths"] ?? []).map(\.name), action: action)
        return .success(ConfigurationItem(name: host, content: .rule(rule), origin: .defaults))
    }

    func key() -> Result<ConfigurationItem, ValueProblem> {
        guard let fingerprint = texts["fingerprint"] else { return .failure("needs `fingerprint`") }
        let key = SSHKeySetting(fingerprint: fingerprint, confirms: texts["confirm"] != "false")
        return .success(ConfigurationItem(name: fingerprint, content: .sshKey(key), origin: .defaults))
    }

    func grant() -> Result<ConfigurationItem, ValueProblem> {
        guard let name = texts["name"] else { return .failure("needs `name`") }
        let places: [GrantSetting.Place] = [
            texts["header"].map { .header($0) }, texts["query"].map { .query($0) }, texts["basic_user"].map { .basic(user: $0) },
            texts["cookie"].map { .cookie($0) },
        ].compactMap { $0 }
        let target: GrantSetting.Target
        switch (texts["provider"], texts["domain"], places.first) {
        case (let provider?, nil, nil) where texts["template"] == nil: target = .provider(provider)
        case (_?, _, _): return .failure("needs no `domain`, place or `template` beside `provider`, which knows them")
        case (nil, nil, _): return .failure("needs `domain` or `provider`")
        case (nil, let domain?, let place?) where places.count == 1: target = .place(domain: domain, place)
        default: return .failure("needs exactly one of `header`, `query`, `cookie` and `basic_user`")
        }
        let source: GrantSetting.Source
        switch (texts["secret"], texts["source"]) {
        case (let secret?, nil): source = .stored(secret)
        case (nil, let text?) where text.hasPrefix("env:"): source = .environment(String(text.dropFirst(4)))
        case (nil, let text?) where text.hasPrefix("file:"): source = .file(String(text.dropFirst(5)))
        case (nil, let text?) where text.hasPrefix("secret-service:"): source = .secretService(String(text.dropFirst(15)))
        case (nil, let text?): source = .command(String(text.dropFirst(4)))
        // Whether the provider is a login, which needs none, is the vault's to know.
        case (nil, nil) where texts["provider"] != nil: source = .login
        default: return .failure("needs exactly one of `secret` and `source`")
        }
        let grant = GrantSetting(
            name: name, target: target, template: texts["template"], source: source, variables: lists["env"].map { $0.map(\.name) })
        return .success(ConfigurationItem(name: name, content: .grant(grant), origin: .defaults))
    }
}
