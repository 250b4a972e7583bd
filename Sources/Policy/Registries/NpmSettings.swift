/// The settings of npm.
enum NpmSettings {
    /// `.npmrc` (npmrc(5)): `registry`, `@scope:registry` and the proxies. `${NAME}` is replaced from the environment, as npm does.
    static func parse(_ text: String, variable: (String) -> String?) -> RegistrySettings {
        var result = RegistrySettings()
        for line in lines(text) {
            let content = trimmed(line)
            guard !content.hasPrefix("#"), !content.hasPrefix(";"), let mark = content.firstIndex(of: "=") else { continue }
            guard let value = expanded(unquoted(trimmed(content[content.index(after: mark)...])), variable) else { continue }
            add(trimmed(content[..<mark]), value, to: &result)
        }
        return result
    }

    /// The variables that npm reads as settings: `npm_config_registry`, in any case.
    static func parse(variable: String, _ value: String) -> RegistrySettings {
        var result = RegistrySettings()
        let name = variable.lowercased()
        if name.hasPrefix("npm_config_") { add(String(name.dropFirst(11)), value, to: &result) }
        return result
    }

    private static func add(_ key: String, _ value: String, to result: inout RegistrySettings) {
        let key = unquoted(key)
        if key == "registry" || (key.hasPrefix("@") && key.hasSuffix(":registry")) { result.addRegistry(value) }
        if ["proxy", "https-proxy", "http-proxy", "https_proxy", "http_proxy"].contains(key) { result.addProxy(value) }
    }

    private static func unquoted(_ text: String) -> String {
        for quote in ["\"", "'"] where text.utf8.count >= 2 && text.hasPrefix(quote) && text.hasSuffix(quote) {
            return String(text.dropFirst().dropLast())
        }
        return text
    }

    /// Nil when a variable is not set: npm would keep the text, which is then no URL.
    private static func expanded(_ text: String, _ variable: (String) -> String?) -> String? {
        var result = ""
        var rest = Substring(text)
        while let start = String(rest).utf8Range(of: "${") {
            let whole = String(rest)
            guard let end = whole[start.upperBound...].firstIndex(of: "}") else { break }
            var name = String(whole[start.upperBound..<end])
            let mayBeMissing = name.hasSuffix("?")
            if mayBeMissing { name.removeLast() }
            guard let value = variable(name) ?? (mayBeMissing ? "" : nil) else { return nil }
            result += whole[..<start.lowerBound] + value
            rest = Substring(whole[whole.index(after: end)...])
        }
        return result + rest
    }
}
