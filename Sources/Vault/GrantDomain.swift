import CoopErrors
import LinuxKernel

/// The hosts that receive a credential: `api.example.com`, or `*.example.com` for everything below it but not itself, with a port or 443.
public struct GrantDomain: Sendable, Hashable, CustomStringConvertible {
    /// In lower case, without a dot at the end.
    public let host: String
    /// Everything below `host`.
    public let isWildcard: Bool
    public let port: Int

    public init(_ text: String) throws(CoopError) {
        func problem(_ why: String) -> CoopError {
            CoopError(.usage, "`\(text.printable)` cannot receive a credential", why, next: "coop grant add --help")
        }
        if let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") { throw problem("it is a URL; write the host alone") }
        var rest = text.lowercased()[...]
        var port = 443
        if let colon = rest.lastIndex(of: ":") {
            guard let number = Int(rest[rest.index(after: colon)...]), (1...65535).contains(number),
                rest[colon...].dropFirst().allSatisfy(\.isNumber)
            else {
                throw problem("the port must be a number up to 65535")
            }
            port = number
            rest = rest[..<colon]
        }
        let isWildcard = rest.hasPrefix("*.")
        if isWildcard { rest = rest.dropFirst(2) }
        if rest.hasSuffix(".") { rest = rest.dropLast() }
        let labels = rest.split(separator: ".", omittingEmptySubsequences: false)
        let isName =
            rest.utf8.count <= 253
            && labels.allSatisfy { label in
                !label.isEmpty && label.utf8.count <= 63 && label.utf8.allSatisfy { $0.isLetterOrDigit || $0 == 0x2D || $0 == 0x5F }
            }
        guard isName else { throw problem("write a host such as api.example.com or *.example.com") }
        guard !isWildcard || labels.count >= 2 else { throw problem("all hosts below .\(rest) would be too many") }
        host = String(rest)
        self.isWildcard = isWildcard
        self.port = port
    }

    /// - Parameter host: normalised: in lower case, without a dot at the end.
    public func contains(_ host: String, port: Int) -> Bool {
        guard port == self.port else { return false }
        if !isWildcard { return host.utf8.elementsEqual(self.host.utf8) }
        return host.utf8.count > self.host.utf8.count + 1
            && host.utf8.suffix(self.host.utf8.count + 1).elementsEqual(("." + self.host).utf8)
    }

    public var description: String { (isWildcard ? "*." : "") + host + (port == 443 ? "" : ":\(port)") }
}
