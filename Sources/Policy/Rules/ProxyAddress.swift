import CoopErrors
import LinuxKernel

/// The proxy between the gateway and the internet: `http://proxy.example.com:3128`. It never holds a password.
public struct ProxyAddress: Sendable, Hashable, Codable {
    /// How the proxy is spoken to.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// HTTP CONNECT.
        case http
        /// HTTP CONNECT inside TLS.
        case https
        case socks5

        var standardPort: UInt16 {
            switch self {
            case .http: 3128
            case .https: 443
            case .socks5: 1080
            }
        }
    }

    public var kind: Kind
    public var host: Destination
    public var port: UInt16

    public init(_ kind: Kind, _ host: Destination, port: UInt16) {
        self.kind = kind
        self.host = host
        self.port = port
    }

    /// Reads `http://HOST[:PORT]`, `https://…` or `socks5://…`; the port is 3128, 443 or 1080 when it is left out.
    public init(parsing text: String) throws(CoopError) {
        // A password may stand in it, so the error does not repeat the text.
        let what = "cannot read the proxy"
        guard let end = text.utf8Range(of: "://") else {
            throw CoopError(.configuration, what, "it is not a URL", next: "write it like `http://proxy.example.com:3128`")
        }
        let scheme = String(text[..<end.lowerBound])
        guard let kind = Kind(rawValue: scheme.lowercased()) else {
            let all = Kind.allCases.map(\.rawValue)
            let near = NearestName.find(scheme, among: all) ?? "http"
            let why = "`\(scheme.printable)` is not one of \(all.joined(separator: ", "))"
            throw CoopError(.configuration, what, why, next: "write `\(near)://HOST:PORT`")
        }
        var rest = text[end.upperBound...]
        if rest.utf8.contains(UInt8(ascii: "@")) {
            throw CoopError(
                .configuration, what, "a password does not belong into a configuration file",
                next: "coop secret add --global UPSTREAM_PROXY")
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        let (host, port) = try HostPattern.split(String(rest), what: "cannot read the proxy `\(text.printable)`")
        self.kind = kind
        self.port = port ?? kind.standardPort
        do {
            self.host = try Destination(untrusted: host.utf8)
        } catch {
            throw CoopError(
                .configuration, "cannot read the proxy `\(text.printable)`", error.description,
                next: "write it like `http://proxy.example.com:3128`")
        }
    }
}

extension ProxyAddress: CustomStringConvertible {
    public var description: String { "\(kind.rawValue)://\(host):\(port)" }
}
