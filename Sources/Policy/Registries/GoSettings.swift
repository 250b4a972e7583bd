/// The settings of go (`go help environment`, `go help goproxy`).
enum GoSettings {
    /// The file that `go env -w` writes: `NAME=value`, one a line.
    static func parse(_ text: String) -> RegistrySettings {
        var result = RegistrySettings()
        for line in lines(text) {
            guard let mark = line.firstIndex(of: "=") else { continue }
            add(trimmed(line[..<mark]), trimmed(line[line.index(after: mark)...]), to: &result)
        }
        return result
    }

    static let variables = ["GOPROXY", "GOSUMDB"]

    static func parse(variable: String, _ value: String) -> RegistrySettings {
        var result = RegistrySettings()
        add(variable, value, to: &result)
        return result
    }

    private static func add(_ name: String, _ value: String, to result: inout RegistrySettings) {
        switch name {
        // `direct` and `off` are words of the list and no URLs.
        case "GOPROXY": for part in value.split(whereSeparator: { $0 == "," || $0 == "|" }) { result.addRegistry(trimmed(part)) }
        case "GOSUMDB":
            // NAME[+KEY] [URL]; without a URL the name is the host.
            let parts = words(value)
            if parts.count > 1 {
                result.addRegistry(parts[1])
            } else if let name = parts.first?.split(separator: "+").first, name != "off" {
                result.addRegistry("https://" + name)
            }
        default: break
        }
    }
}
