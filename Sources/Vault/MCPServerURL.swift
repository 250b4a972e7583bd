import CoopErrors
import LinuxKernel

/// The address of an MCP server or of an endpoint of its authorization server: https, or http on the loopback interface.
public struct MCPServerURL: Sendable, Equatable, CustomStringConvertible {
    /// In lower case.
    public let scheme: String
    public let host: String
    public let port: Int
    /// With the leading slash, without query.
    public let path: String
    /// The query without the question mark; nil without one.
    public let query: String?

    public init(_ text: String) throws(CoopError) {
        func problem(_ why: String) -> CoopError {
            CoopError(.usage, "`\(text.printable)` cannot be used as the address of a server", why, next: "coop grant mcp --help")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !text.contains("\\"), !text.contains("#") else {
            throw problem("it holds characters that an address may not have")
        }
        let start = text.prefix { $0 != ":" }
        guard text.dropFirst(start.count).hasPrefix("://") else { throw problem("it must begin with https://") }
        scheme = start.lowercased()
        let rest = text.dropFirst(start.count + 3)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard !authority.contains("@") else { throw problem("it may not hold a password") }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, let name = parts.first, !name.isEmpty,
            name.utf8.allSatisfy({ $0.isLetterOrDigit || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F })
        else { throw problem("the host cannot be read") }
        host = name.lowercased()
        if parts.count == 2 {
            guard let number = Int(parts[1]), (1...65535).contains(number) else { throw problem("the port cannot be read") }
            port = number
        } else {
            port = scheme == "https" ? 443 : 80
        }
        guard scheme == "https" || (scheme == "http" && (host == "127.0.0.1" || host == "localhost")) else {
            throw problem("only https is safe for tokens")
        }
        let local = rest.dropFirst(authority.count)
        let path = local.prefix { $0 != "?" }
        self.path = path.isEmpty ? "/" : String(path)
        query = local.count > path.count ? String(local.dropFirst(path.count + 1)) : nil
    }

    /// `https://host[:port]`
    public var origin: String { scheme + "://" + host + (port == (scheme == "https" ? 443 : 80) ? "" : ":\(port)") }

    /// The identifier of the server as a resource (RFC 8707): without query, and without a slash alone as the path.
    public var resource: String { origin + (path == "/" ? "" : path) }

    public var description: String { origin + path + (query.map { "?" + $0 } ?? "") }

    func with(_ pairs: [(String, String)]) -> String {
        origin + path + "?" + [query ?? "", FormText.encode(pairs)].filter { !$0.isEmpty }.joined(separator: "&")
    }
}
