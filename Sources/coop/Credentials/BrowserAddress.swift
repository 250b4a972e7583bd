import LinuxKernel

/// An address that a program inside wants to be opened in a browser. It comes from inside: whatever it says is only shown.
struct BrowserAddress: Equatable {
    /// The longest that is shown, in bytes.
    static let limit = 8192

    let text: String

    /// - Returns: nil for what is no address of the web, or could do something to a terminal.
    init?(_ line: String) {
        let isPlain = line.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard isPlain, line.utf8.count <= BrowserAddress.limit, line.hasPrefix("https://") || line.hasPrefix("http://") else { return nil }
        text = line
    }

    /// The port of the loopback interface to which the browser is to come back (`redirect_uri`, RFC 6749, section 4.1.1); nil where it is
    /// to go elsewhere.
    var callbackPort: UInt16? {
        guard let query = text.split(separator: "?", maxSplits: 1).dropFirst().first?.prefix(while: { $0 != "#" }) else { return nil }
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0] == "redirect_uri", let address = BrowserAddress.decoded(parts[1]),
                address.hasPrefix("http://")
            else { continue }
            let authority = address.dropFirst(7).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            for host in ["localhost:", "127.0.0.1:", "[::1]:"] where authority.hasPrefix(host) {
                guard let port = UInt16(authority.dropFirst(host.count)), port >= 1024 else { return nil }
                return port
            }
        }
        return nil
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let first = rest.popFirst() {
            guard first == UInt8(ascii: "%") else {
                bytes.append(first)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
