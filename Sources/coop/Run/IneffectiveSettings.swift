import Projects

/// Settings that this version reads and checks, but cannot act on yet. They are said, never silently ignored; none of them
/// makes a sandbox weaker by having no effect.
enum IneffectiveSettings {
    /// One line for each, with its place.
    static func notes(_ configuration: Configuration) -> [String] {
        var result: [String] = []
        func note(_ key: String, _ origin: ConfigurationOrigin, _ meaning: String) {
            if origin.layer != .defaults { result.append("\(origin): `\(key)` has no effect in this version: \(meaning)") }
        }
        let keys: [(ConfigurationKey, String)] = [
            (.commands, "no command runs on the host"), (.services, "no service is started"),
            (.caches, "everything in HOME is kept anyway"),
        ]
        for (key, meaning) in keys {
            if let setting = configuration[key] { note(key.path, setting.origin, meaning) }
        }
        return result
    }
}
