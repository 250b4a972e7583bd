import TOML

/// The settings of pip and uv.
enum PipSettings {
    /// `pip.conf` (https://pip.pypa.io/en/stable/topics/configuration/): an INI file; the values of later lines that are indented
    /// belong to the key before.
    static func parse(_ text: String) -> RegistrySettings {
        var result = RegistrySettings()
        var key = ""
        for line in lines(text) {
            let content = trimmed(line)
            if content.isEmpty || content.hasPrefix("#") || content.hasPrefix(";") { continue }
            var value = content
            if line.first != " ", line.first != "\t" {
                if content.hasPrefix("[") {
                    key = ""
                    continue
                }
                guard let mark = content.firstIndex(where: { $0 == "=" || $0 == ":" }) else { continue }
                key = trimmed(content[..<mark]).lowercased().replacingUnderscores
                value = trimmed(content[content.index(after: mark)...])
            }
            add(key, value, to: &result)
        }
        return result
    }

    /// Variables of pip and uv that name places to fetch from.
    static let variables = [
        "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_PROXY", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS", "UV_PYTHON_INSTALL_MIRROR",
    ]

    /// The value of one of these variables; several places are separated by blanks.
    static func parse(variable: String, _ value: String) -> RegistrySettings {
        var result = RegistrySettings()
        if variable == "PIP_PROXY" {
            result.addProxy(value)
            return result
        }
        for word in value.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "\n" }) {
            // uv lets an index have a name: NAME=URL.
            if variable.hasPrefix("UV_"), let mark = word.firstIndex(of: "="),
                String(word).utf8Range(of: "://").map({ mark < $0.lowerBound }) ?? false
            {
                result.addRegistry(word[word.index(after: mark)...])
            } else {
                result.addRegistry(word)
            }
        }
        return result
    }

    /// `uv.toml` (https://docs.astral.sh/uv/reference/settings/).
    static func parse(uv document: TOMLTable) -> RegistrySettings {
        var result = RegistrySettings()
        for table in [document, document["pip"]?.value.table].compactMap(\.self) {
            for key in ["index-url", "default-index", "python-install-mirror"] { table[key]?.value.string.map { result.addRegistry($0) } }
            for key in ["extra-index-url", "find-links"] {
                for value in table[key]?.value.elements ?? [] { value.string.map { result.addRegistry($0) } }
            }
            for index in table["index"]?.value.elements ?? [] { index.table?["url"]?.value.string.map { result.addRegistry($0) } }
        }
        return result
    }

    private static func add(_ key: String, _ value: String, to result: inout RegistrySettings) {
        switch key {
        case "index-url", "extra-index-url", "find-links", "index": for word in words(value) { result.addRegistry(word) }
        case "proxy": result.addProxy(value)
        default: break
        }
    }
}

extension String {
    /// pip reads `index_url` as `index-url`.
    fileprivate var replacingUnderscores: String { String(map { $0 == "_" ? "-" : $0 }) }
}
