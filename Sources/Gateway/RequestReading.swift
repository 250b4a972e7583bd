import GatewayProtocol
import HTTPGateway

/// Between a request as the pipelines read it and as the supervisor judges it.
enum RequestReading {
    /// Fields that carry credentials and nothing else.
    private static let credentialFields: Set<String> = [
        "authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "private-token", "x-auth-token",
        "x-amz-security-token",
    ]
    private static let credentialParameters: Set<String> = [
        "access_token", "api_key", "apikey", "key", "token", "auth", "x-amz-security-token", "x-amz-signature",
    ]

    /// What the supervisor is asked; nil for a head beyond the protocol's limits.
    static func question(_ head: HTTPGateway.RequestHead, stubs: [Stub]) -> GatewayProtocol.RequestHead? {
        guard head.method.utf8.count <= ProtocolLimit.method, head.authority.utf8.count <= ProtocolLimit.name + 6,
            head.path.utf8.count <= ProtocolLimit.path
        else { return nil }
        var places: [CredentialPlace] = []
        var texts = [head.path]
        for field in head.headers {
            let name = field.name.lowercased()
            texts.append(field.value)
            let basic = name == "authorization" ? basicCredentials(field.value) : nil
            if let basic { texts.append(basic) }
            guard credentialFields.contains(name) else { continue }
            let value = basic ?? field.value
            if !stubs.contains(where: { contains(value, $0.value) }) { places.append(basic == nil ? .header(name) : .basic) }
        }
        for (name, value) in parameters(head.path) where credentialParameters.contains(name.lowercased()) {
            if !stubs.contains(where: { contains(value, $0.value) }) { places.append(.query(name)) }
        }
        let seen = stubs.filter { stub in texts.contains { contains($0, stub.value) } }.map(\.id)
        return GatewayProtocol.RequestHead(
            method: head.method, scheme: head.scheme, authority: head.authority, path: head.path,
            stubs: Array(seen.prefix(ProtocolLimit.stubs)), credentials: Array(places.prefix(ProtocolLimit.credentials)))
    }

    /// The supervisor's permission in the pipelines' terms. What they cannot do is a denial: a request must not leave half done.
    static func verdict(_ head: HTTPGateway.RequestHead, _ injections: [GatewayProtocol.Injection]) -> Verdict {
        var result: [HTTPGateway.Injection] = []
        for injection in injections {
            switch injection {
            case .header(let name, let prefix, let secret, let suffix, _):
                result.append(.init(.header(name: name, prefix: prefix), value(secret, suffix)))
            case .query(let name, let secret, _): result.append(.init(.query(name: name), value(secret)))
            case .basic(let user, let secret, _): result.append(.init(.basic(user: user), value(secret)))
            case .replace(let stub, let secret, let places):
                guard let text = String(validating: stub, as: UTF8.self) else { return unsupported("a stub that is not text") }
                result += replacements(head, text, value(secret), places)
            case .awsSignature: return unsupported("signing requests again")
            }
        }
        return .allow(result)
    }

    private static func unsupported(_ what: String) -> Verdict {
        .deny(HTTPGateway.Denial(rule: "grant", reason: "the gateway does not support \(what)"))
    }

    /// Only places where the stub is: an injection without one would fail.
    private static func replacements(
        _ head: HTTPGateway.RequestHead, _ stub: String, _ secret: Secret, _ places: CredentialPlaces
    ) -> [HTTPGateway.Injection] {
        let bytes = Array(stub.utf8)
        var result: [HTTPGateway.Injection] = []
        var names: Set<String> = []
        for field in head.headers {
            let name = field.name.lowercased()
            if name == "authorization", let basic = basicCredentials(field.value) {
                if places.contains(.basic), contains(basic, bytes) { result.append(.init(.stubInBasic(stub: stub), secret)) }
            } else if places.contains(.headers), contains(field.value, bytes), names.insert(name).inserted {
                result.append(.init(.stubInHeader(name: name, stub: stub), secret))
            }
        }
        if places.contains(.query), parameters(head.path).contains(where: { contains($0.value, bytes) }) {
            result.append(.init(.stubInQuery(stub: stub), secret))
        }
        return result
    }

    private static func value(_ secret: SecretBytes, _ suffix: String = "") -> Secret {
        secret.withBytes { bytes in
            var whole = Array(bytes) + Array(suffix.utf8)
            defer { whole.wipe() }
            return Secret(whole)
        }
    }

    private static func contains(_ text: String, _ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first else { return false }
        let text = Array(text.utf8)
        guard text.count >= bytes.count else { return false }
        for start in 0...(text.count - bytes.count) where text[start] == first {
            if text[start..<start + bytes.count].elementsEqual(bytes) { return true }
        }
        return false
    }

    /// The parameters of a target's query, as they are written.
    private static func parameters(_ path: String) -> [(name: String, value: String)] {
        guard let mark = path.firstIndex(of: "?") else { return [] }
        return path[path.index(after: mark)...].split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }

    /// User and password of `Basic` authentication (RFC 7617), decoded.
    private static func basicCredentials(_ value: String) -> String? {
        guard value.utf8.count > 6, value.prefix(6).lowercased() == "basic " else { return nil }
        var result: [UInt8] = []
        var group: UInt32 = 0
        var bits = 0
        for byte in value.utf8.dropFirst(6) {
            let digit: UInt32
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = UInt32(byte - UInt8(ascii: "A"))
            case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = UInt32(byte - UInt8(ascii: "a")) + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt32(byte - UInt8(ascii: "0")) + 52
            case UInt8(ascii: "+"): digit = 62
            case UInt8(ascii: "/"): digit = 63
            case UInt8(ascii: "="), UInt8(ascii: " "): continue
            default: return nil
            }
            group = group << 6 | digit
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
