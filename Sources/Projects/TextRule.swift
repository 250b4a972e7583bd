import CoopErrors
import LinuxKernel

/// Checks text against the rules of the schema.
enum TextRule {
    /// Why `text` does not obey `rule`; nil when it does.
    static func problem(_ text: String, _ rule: ConfigurationSchema.Text) -> String? {
        if text.utf8.contains(0) { return "it may not hold a NUL character" }
        switch rule {
        case .any: return nil
        case .name: return nameProblem(text)
        case .oneOf(let allowed):
            if allowed.contains(text) { return nil }
            let near = NearestName.find(text, among: allowed).map { "; did you mean `\($0)`?" } ?? ""
            return "`\(text.printable)` is not one of \(allowed.joined(separator: ", "))\(near)"
        case .rootfs: return rootfsProblem(text)
        case .engineGroup:
            let valid =
                !text.isEmpty
                && text.utf8.allSatisfy { $0.isDigit || ($0 >= 0x61 && $0 <= 0x7A) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
            return valid ? nil : "`\(text.printable)` is not the name of a group of system calls"
        case .variable: return isVariable(text, patterns: false) ? nil : "`\(text.printable)` is not the name of a variable"
        case .variablePattern:
            return isVariable(text, patterns: true) ? nil : "`\(text.printable)` is not the name of a variable, with * and ? as wildcards"
        case .relativePath: return relativePathProblem(text)
        case .path: return pathProblem(text)
        case .hostPattern: return hostProblem(text, wildcard: true, port: .optional)
        case .hostName: return hostProblem(text, wildcard: false, port: .none)
        case .hostPort: return hostProblem(text, wildcard: false, port: .optional)
        case .proxy: return proxyProblem(text)
        case .method:
            let valid =
                !text.isEmpty && text.utf8.count <= 32 && text.utf8.allSatisfy { ($0.isLetter && $0 < 0x61) || $0 == UInt8(ascii: "-") }
            return valid ? nil : "`\(text.printable)` is not an HTTP method; write GET"
        case .urlPath: return text.hasPrefix("/") && !hasControls(text) ? nil : "`\(text.printable)` is not a path; it must start with /"
        case .secretSource: return secretSourceProblem(text)
        case .template:
            let count = occurrences(of: "{value}", in: text)
            if hasControls(text) { return "it may not hold control characters" }
            return count == 1 ? nil : "it must hold {value} exactly once"
        case .headerName:
            // RFC 9110, section 5.6.2: token.
            let valid = !text.isEmpty && text.utf8.allSatisfy { $0.isDigit || $0.isLetter || "!#$%&'*+-.^_`|~".utf8.contains($0) }
            return valid ? nil : "`\(text.printable)` is not the name of a header"
        case .fingerprint:
            let digits = text.dropFirst(7).utf8
            let valid =
                text.hasPrefix("SHA256:") && digits.count == 43
                && digits.allSatisfy { $0.isDigit || $0.isLetter || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/") }
            return valid ? nil : "`\(text.printable)` is not the fingerprint of a key; `ssh-add -l` prints SHA256:…"
        case .webhook: return webhookProblem(text)
        case .commandName: return nameProblem(text)
        case .commandPattern: return hasControls(text) ? "it may not hold control characters" : nil
        }
    }

    /// A name becomes a file name, a label or a host name somewhere.
    private static func nameProblem(_ text: String) -> String? {
        if text.isEmpty { return "a name may not be empty" }
        if text.utf8.count > 128 { return "a name may have at most 128 bytes" }
        if text.utf8.contains(UInt8(ascii: "/")) { return "the name `\(text.printable)` may not hold /" }
        if text == "." || text == ".." || text.hasPrefix("..") { return "the name `\(text.printable)` may not start with .." }
        if hasControls(text) { return "the name `\(text.printable)` may not hold control characters" }
        if text.hasPrefix("-") { return "the name `\(text.printable)` may not start with -, or it would be taken for an option" }
        return nil
    }

    private static func occurrences(of part: StaticString, in text: String) -> Int {
        let bytes = Array(text.utf8)
        let wanted = part.withUTF8Buffer { Array($0) }
        guard bytes.count >= wanted.count else { return 0 }
        return (0...bytes.count - wanted.count).count { bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }

    static func hasControls(_ text: String) -> Bool { text.printable != text }

    static func pathProblem(_ text: String) -> String? {
        if text.isEmpty { return "a path may not be empty" }
        if text.utf8.contains(0) { return "a path may not hold a NUL character" }
        if hasControls(text) { return "the path `\(text.printable)` may not hold control characters" }
        return text.utf8.count < 4096 ? nil : "a path may have at most 4095 bytes"
    }

    private static func relativePathProblem(_ text: String) -> String? {
        if let problem = pathProblem(text) { return problem }
        if text.utf8.first == UInt8(ascii: "/") || text.utf8.first == UInt8(ascii: "~") {
            return "`\(text)` must be relative to the project's root"
        }
        let parts = FileSystem.components(of: text)
        if parts.contains("..") { return "`\(text)` may not leave the project with .." }
        return parts.allSatisfy { $0 == "." } ? "`\(text)` would be the project itself" : nil
    }

    private static func isVariable(_ text: String, patterns: Bool) -> Bool {
        guard let first = text.utf8.first, !first.isDigit else { return false }
        return text.utf8.allSatisfy {
            $0.isDigit || $0.isLetter || $0 == UInt8(ascii: "_") || (patterns && ($0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?")))
        }
    }

    private static func rootfsProblem(_ text: String) -> String? {
        if text == "host" { return nil }
        if text.hasPrefix("flavor:") { return nameProblem(String(text.dropFirst(7))) }
        let valid =
            !text.isEmpty && text.utf8.count <= 512 && !text.hasPrefix("-") && !text.hasPrefix("/")
            && text.utf8.allSatisfy { $0.isDigit || $0.isLetter || "._-/:@".utf8.contains($0) }
        return valid ? nil : "`\(text.printable)` is not `host`, an OCI reference or flavor:NAME"
    }

    private enum Port { case none, optional, required }

    private static func hostProblem(_ text: String, wildcard: Bool, port: Port) -> String? {
        let shown = text.printable
        if occurrences(of: "://", in: text) > 0 { return "`\(shown)` is a URL; write the host alone" }
        var host = text[...]
        var written: Substring?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return "`\(shown)` has no closing ]" }
            host = text[text.index(after: text.startIndex)..<close]
            let rest = text[text.index(after: close)...]
            if !rest.isEmpty {
                guard rest.first == ":" else { return "`\(shown)` is not a host" }
                written = rest.dropFirst()
            }
            let valid =
                host.contains(":")
                && host.utf8.allSatisfy { $0.isDigit || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x66) || $0 == 0x3A || $0 == 0x2E }
            if !valid { return "`\(shown)` is not an IPv6 address" }
        } else {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            if parts.count > 2 { return "`\(shown)` is not a host; an IPv6 address stands in [brackets]" }
            host = parts.first ?? ""
            written = parts.count == 2 ? parts[1] : nil
            if wildcard, host == "*" { return "`*` would be every host; use `network.mode = \"open\"` for that" }
            let name = wildcard && host.hasPrefix("*.") ? host.dropFirst(2) : host
            let labels = name.split(separator: ".", omittingEmptySubsequences: false)
            let valid =
                name.utf8.count <= 253
                && labels.allSatisfy { label in
                    !label.isEmpty && label.utf8.count <= 63 && label.utf8.first != 0x2D && label.utf8.last != 0x2D
                        && label.utf8.allSatisfy { $0.isDigit || $0.isLetter || $0 == 0x2D || $0 == 0x5F }
                }
            if !valid {
                return name.utf8.allSatisfy({ $0 < 0x80 })
                    ? "`\(shown)` is not a host" : "`\(shown)` is not a host; write an international name in its xn-- form"
            }
        }
        guard let written else { return port == .required ? "`\(shown)` needs a port: HOST:PORT" : nil }
        if port == .none { return "`\(shown)` must be a host without a port" }
        guard written.utf8.allSatisfy(\.isDigit), let number = Int(written), (1...65535).contains(number) else {
            return "`\(shown)` has no valid port"
        }
        return nil
    }

    private static func proxyProblem(_ text: String) -> String? {
        for scheme in ["http://", "https://", "socks5://"] where text.hasPrefix(scheme) {
            var rest = text.dropFirst(scheme.count)
            if rest.hasSuffix("/") { rest = rest.dropLast() }
            if rest.contains("@") {
                return "a proxy's password does not belong into a configuration file; use `coop secret add --global UPSTREAM_PROXY`"
            }
            return hostProblem(String(rest), wildcard: false, port: .optional)
        }
        return "`\(text.printable)` is not a proxy; write http://HOST:PORT"
    }

    /// Requests are made by the same means as those of logins, which says what an address may hold.
    private static func webhookProblem(_ text: String) -> String? {
        for scheme in ["https://", "http://"] where text.hasPrefix(scheme) {
            let rest = text.dropFirst(scheme.count)
            let authority = rest.prefix { $0 != "/" && $0 != "?" }
            if !text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) || text.contains("\\") || text.contains("#") || authority.contains("@")
                || authority.contains("[")
            {
                return "the address holds characters that it may not have"
            }
            if let problem = hostProblem(String(authority), wildcard: false, port: .optional) { return problem }
            let host = authority.prefix { $0 != ":" }.lowercased()
            if scheme == "http://", host != "localhost", host != "127.0.0.1" { return "only https is safe, but to this machine itself" }
            return nil
        }
        return "it must begin with https://"
    }

    private static func secretSourceProblem(_ text: String) -> String? {
        if text.hasPrefix("env:") { return problem(String(text.dropFirst(4)), .variable) }
        if text.hasPrefix("file:") { return pathProblem(String(text.dropFirst(5))) }
        if text.hasPrefix("cmd:") {
            return text.utf8.count > 4 && !hasControls(text) ? nil : "the command is empty or holds control characters"
        }
        if text.hasPrefix("secret-service:") {
            return text.utf8.count > 15 && !hasControls(text) ? nil : "the attributes are empty or hold control characters"
        }
        return "`\(text.printable)` is not env:VAR, file:PATH, cmd:COMMAND or secret-service:NAME=VALUE"
    }
}
