/// What one file or variable says: the places to fetch from, and the proxies to go through.
struct RegistrySettings: Sendable, Hashable {
    var registries: [RegistryURL] = []
    var proxies: [RegistryURL] = []

    /// Adds a registry, if the text is a URL that is fetched over HTTP.
    mutating func addRegistry(_ text: some StringProtocol) {
        if let url = RegistryURL(parsing: text), !registries.contains(url) { registries.append(url) }
    }

    /// Adds a proxy, if the text is one over HTTP. pip and git also write it without a scheme.
    mutating func addProxy(_ text: some StringProtocol) {
        if let url = RegistryURL(parsing: text, defaultPort: 80), !proxies.contains(url) { proxies.append(url) }
    }
}

/// The words of a line.
func words(_ text: some StringProtocol) -> [String] {
    text.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\n" }).map { String($0) }
}

/// The lines of a text, without line ends.
func lines(_ text: String) -> [Substring] {
    text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" })
}

/// Without blanks at both ends.
func trimmed(_ text: some StringProtocol) -> String {
    var rest = Substring(text)
    while let first = rest.first, first == " " || first == "\t" || first == "\r" { rest = rest.dropFirst() }
    while let last = rest.last, last == " " || last == "\t" || last == "\r" { rest = rest.dropLast() }
    return String(rest)
}
