/// The host and port of a URL in a package manager's configuration. User name, password, path and query are read over and
/// never kept.
struct RegistryURL: Sendable, Hashable {
    var host: Destination
    var port: UInt16

    /// - Parameter defaultPort: the port if the text has no scheme; nil refuses such a text.
    /// - Returns: nil for what is not fetched over HTTP: `file:`, `ssh:`, `cdrom:`, a path, or no URL at all.
    init?(parsing text: some StringProtocol, defaultPort: UInt16? = nil) {
        var rest = Array(text.utf8)[...]
        var port = defaultPort
        if let end = String(text).utf8Range(of: "://") {
            let scheme = String(text)[..<end.lowerBound].lowercased()
            // cargo and pip write the way in front: sparse+https, git+https, mirror+http.
            switch scheme.split(separator: "+").last {
            case "https": port = 443
            case "http": port = 80
            default: return nil
            }
            rest = rest.dropFirst(scheme.utf8.count + 3)
        } else if rest.starts(with: "//".utf8) {
            rest = rest.dropFirst(2)
        }
        guard let port else { return nil }
        var authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        // Some parsers end the host at a backslash and others do not.
        if authority.contains(UInt8(ascii: "\\")) { return nil }
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) { authority = authority[(at + 1)...] }
        guard !authority.isEmpty else { return nil }
        let colon = authority.lastIndex(of: UInt8(ascii: ":"))
        let bracket = authority.lastIndex(of: UInt8(ascii: "]"))
        var written = port
        if let colon, colon > bracket ?? -1 {
            guard let number = UInt16(String(decoding: authority[(colon + 1)...], as: UTF8.self)), number > 0 else { return nil }
            written = number
            authority = authority[..<colon]
        }
        guard let host = try? Destination(untrusted: authority) else { return nil }
        self.host = host
        self.port = written
    }
}
