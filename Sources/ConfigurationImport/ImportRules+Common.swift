import LinuxKernel
import TOML

/// The rules that most keys need.
extension ImportRules {
    /// A key with one value that coop has under another name.
    mutating func value(_ pattern: String, _ path: String..., as convert: @escaping (String) -> TOMLValue? = { .string($0) }) {
        add(pattern) { place in [ImportRules.setting(place, convert) { ImportedSetting(path: path, change: .value($0)) }] }
    }

    /// A key, or an element of a list, that becomes one element of a list of coop's.
    mutating func element(_ pattern: String, _ path: String..., as convert: @escaping (String) -> TOMLValue? = { .string($0) }) {
        add(pattern) { place in [ImportRules.setting(place, convert) { ImportedSetting(path: path, change: .element($0)) }] }
    }

    /// Keys that mean nothing to coop.
    mutating func drop(_ patterns: String..., why: String, next: String? = nil) {
        for pattern in patterns {
            add(pattern) { place in ImportRules.leaves(place).map { $0.secret ?? $0.finding(.dropped(why), next: next) } }
        }
    }

    /// A key that is left out but with one value, which says what coop does anyway.
    mutating func expect(_ pattern: String, _ text: String, covered: String, otherwise: String, next: String? = nil) {
        add(pattern) { place in
            [place.node.text == text ? place.finding(.covered(covered)) : place.finding(.dropped(otherwise), next: next)]
        }
    }

    /// A table of variables for the command inside.
    mutating func variables(_ pattern: String) {
        add(pattern + ".*") { place in [ImportRules.variable(place)] }
    }

    /// A mount: `HOST[:GUEST][:ro]`.
    mutating func mounts(_ pattern: String, home: String) {
        add(pattern) { place in [ImportMount.finding(place, home: home)] }
    }

    private static func setting(_ place: Place, _ convert: (String) -> TOMLValue?, _ make: (TOMLValue) -> ImportedSetting) -> ImportFinding
    {
        guard let text = place.node.text else { return place.finding(.dropped("it is not a single value")) }
        if text.isEmpty { return place.finding(.covered("it is empty")) }
        guard let value = convert(text) else { return place.finding(.dropped("coop has nothing like `\(text.printable)`")) }
        return place.finding(.becomes(make(value)))
    }

    private static func variable(_ place: Place) -> ImportFinding {
        let name = place.path.last ?? ""
        guard let text = place.node.text else { return place.finding(.dropped("it is not a single value")) }
        if ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "PWD"].contains(name) {
            return place.finding(.dropped("coop sets `\(name)` itself"))
        }
        if text.utf8.first == UInt8(ascii: "$"), let source = reference(text) {
            if SecretShape.isSecretName(source) || SecretShape.isSecretName(name) {
                return place.finding(.secret, next: SecretNames.command(for: name, from: source))
            }
            if source == name {
                return place.finding(.becomes(ImportedSetting(path: ["sandbox", "env_allow"], change: .element(.string(name)))))
            }
            return place.finding(
                .dropped("coop passes variables on under their own name"), next: "coop run -e \(name)=\"$\(source)\" -- COMMAND")
        }
        if text.contains("$") { return place.finding(.dropped("nothing is expanded in a value")) }
        if SecretShape.isSecretName(name), !text.isEmpty { return place.finding(.secret, next: SecretNames.command(for: name)) }
        return place.finding(.becomes(ImportedSetting(path: ["sandbox", "env", name], change: .value(.string(text)))))
    }

    /// The name in `$NAME` or `${NAME}`, if there is nothing else.
    private static func reference(_ text: String) -> String? {
        var name = text.dropFirst()
        if name.hasPrefix("{") {
            guard name.hasSuffix("}") else { return nil }
            name = name.dropFirst().dropLast()
        }
        let isName =
            !name.isEmpty && name.utf8.allSatisfy { $0 == 0x5F || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) }
        return isName ? String(name) : nil
    }

    /// The single values below a place, or the place itself where it has none.
    private static func leaves(_ place: Place) -> [Place] {
        switch place.node.value {
        case .scalar: return [place]
        case .list(let nodes):
            let inner = nodes.enumerated().flatMap { index, node in
                leaves(Place(node: node, key: "\(place.key)[\(index)]", path: place.path + ["[]"]))
            }
            return inner.isEmpty ? [place] : inner
        case .table(let entries):
            let inner = entries.flatMap { entry in
                leaves(Place(node: entry.node, key: place.key + "." + TOMLValue.keyText(entry.key), path: place.path + [entry.key]))
            }
            return inner.isEmpty ? [place] : inner
        }
    }
}
