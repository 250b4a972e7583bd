/// The settings of apt.
enum AptSettings {
    /// One-line sources (sources.list(5)): `deb [ option=value ] URI suite component…`.
    static func parse(list text: String) -> RegistrySettings {
        var result = RegistrySettings()
        for line in lines(text) {
            var rest = words(line.prefix { $0 != "#" })[...]
            guard let type = rest.popFirst(), type == "deb" || type == "deb-src" else { continue }
            if rest.first?.hasPrefix("[") == true {
                while let word = rest.popFirst() { if word.hasSuffix("]") { break } }
            }
            // Of `mirror+http://…`, a list of mirrors, only the list's own host can be known.
            if let uri = rest.first { result.addRegistry(uri) }
        }
        return result
    }

    /// Sources in the form of deb822(5): stanzas of fields, `URIs:` with one or more of them, `Enabled: no` to leave one out.
    static func parse(sources text: String) -> RegistrySettings {
        var result = RegistrySettings()
        var uris: [String] = []
        var isEnabled = true
        var field = ""
        // One blank line more ends the last stanza.
        for line in lines(text) + [""] {
            if trimmed(line).isEmpty {
                if isEnabled { for uri in uris { result.addRegistry(uri) } }
                (uris, isEnabled, field) = ([], true, "")
                continue
            }
            if line.hasPrefix("#") { continue }
            var value = Substring(line)
            if line.first != " ", line.first != "\t" {
                guard let colon = line.firstIndex(of: ":") else { continue }
                field = line[..<colon].lowercased()
                value = line[line.index(after: colon)...]
            }
            if field == "uris" { uris += words(value) }
            if field == "enabled", ["no", "false", "without", "off", "disable"].contains(trimmed(value).lowercased()) { isEnabled = false }
        }
        return result
    }

    /// The proxies of apt.conf(5), in both of its notations: `Acquire::http::Proxy "http://…";` and nested in braces. A proxy for
    /// one host alone (`Acquire::http::Proxy::HOST`) counts as well.
    static func parse(configuration text: String) -> RegistrySettings {
        var result = RegistrySettings()
        var scope: [String] = []
        var name = ""
        for token in tokens(text) {
            switch token {
            case "{":
                scope.append(name)
                name = ""
            case "}":
                _ = scope.popLast()
                name = ""
            case ";": name = ""
            default:
                guard !name.isEmpty else {
                    name = token
                    continue
                }
                let path = (scope + [name]).joined(separator: "::").lowercased().split(separator: ":")
                if path.count >= 3, path[0] == "acquire", path[1] == "http" || path[1] == "https", path[2] == "proxy", token != "DIRECT" {
                    result.addProxy(token)
                }
            }
        }
        return result
    }

    /// Names, values and the marks `{`, `}` and `;`, without comments.
    private static func tokens(_ text: String) -> [String] {
        var result: [String] = []
        var current = ""
        var isQuoted = false
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            if isQuoted {
                if scalar == "\"" {
                    isQuoted = false
                    result.append(current)
                    current = ""
                } else {
                    current.unicodeScalars.append(scalar)
                }
                continue
            }
            let isLineComment = scalar == "#" || (scalar == "/" && rest.first == "/")
            let isBlockComment = scalar == "/" && rest.first == "*"
            if isLineComment || isBlockComment || scalar == "\"" || " \t\r\n{};".unicodeScalars.contains(scalar) {
                if !current.isEmpty { result.append(current) }
                current = ""
            }
            if isLineComment {
                rest = rest.drop { $0 != "\n" }
            } else if isBlockComment {
                while let next = rest.popFirst() { if next == "*", rest.first == "/" { break } }
                rest = rest.dropFirst()
            } else if scalar == "\"" {
                isQuoted = true
            } else if "{};".unicodeScalars.contains(scalar) {
                result.append(String(scalar))
            } else if !" \t\r\n".unicodeScalars.contains(scalar) {
                current.unicodeScalars.append(scalar)
            }
        }
        return result + (current.isEmpty ? [] : [current])
    }
}
