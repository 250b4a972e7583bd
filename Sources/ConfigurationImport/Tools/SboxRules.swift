import TOML

extension ImportRules {
    /// `.sbox/config.yaml`.
    static func sbox(home: String) -> ImportRules {
        var rules = ImportRules("sbox")
        rules.drop("runtime", why: "this version of coop uses the toolchains of the host, at their own place")
        rules.drop("workdir", why: "inside, the project is where it is outside")
        rules.drop("copy", why: "the project itself is inside, not a copy")
        rules.mounts("mount.[]", home: home)
        // What is run before the first start, one after the other. sbox itself passes over `build`.
        rules.add("install") { place in [commands(place)] }
        rules.add("build") { place in [commands(place)] }
        rules.value("cmd", "start")
        rules.variables("env")
        return rules
    }

    /// `.sandbox.yml`.
    static func sandboxManifest() -> ImportRules {
        var rules = ImportRules("sandbox")
        rules.add("setup") { place in [commands(place)] }
        return rules
    }

    /// Several commands as one hook: each runs only if the one before it succeeded.
    private static func commands(_ place: Place) -> ImportFinding {
        let texts = place.node.elements.compactMap(\.text).filter { !$0.isEmpty }
        guard !texts.isEmpty, texts.count == place.node.elements.count else { return place.finding(.covered("it is empty")) }
        if texts.contains(where: { SecretShape.isSecret($0) || $0.split(separator: " ").contains { SecretShape.isSecret(String($0)) } }) {
            return place.finding(.secret, next: "coop secret add NAME")
        }
        return place.finding(
            .becomes(ImportedSetting(path: ["hooks", "prepare"], change: .value(.string(texts.joined(separator: " && "))))))
    }
}
