/// Puts secrets in the place of stubs in the head of a request: header fields, basic authentication, query, cookies, path.
public struct HeadInjector: Sendable {
    private struct Token: Sendable {
        var grant: String
        var places: [InjectionPlace]
        var stub: [UInt8]
        var secret: SecretBytes
    }

    private let tokens: [Token]

    public init(_ injections: [Injection]) {
        tokens = injections.compactMap { injection in
            guard case .token(let stub, let secret) = injection.credential, !stub.isEmpty else { return nil }
            return Token(grant: injection.grant, places: injection.places, stub: stub, secret: secret)
        }
    }

    /// Changes the head; returns the grants that were used.
    ///
    /// - Throws: `InjectionError`. The head may then be changed in part and must not be sent.
    public func apply(to head: inout RequestHead) throws(InjectionError) -> [String] {
        var used: [String] = []
        for token in tokens {
            var isUsed = false
            for place in token.places {
                let changed =
                    switch place.kind {
                    case .header(let name): try header(name, place, token, &head)
                    case .basic: try basic(place, token, &head)
                    case .query(let name): try query(name, place, token, &head)
                    case .cookie(let name): try cookie(name, place, token, &head)
                    case .path: path(token, &head)
                    case .body: false
                    }
                isUsed = isUsed || changed
            }
            if isUsed { used.append(token.grant) }
        }
        return used
    }

    private func header(_ name: String, _ place: InjectionPlace, _ token: Token, _ head: inout RequestHead) throws(InjectionError) -> Bool {
        var changed = false
        var isPresent = false
        for index in head.fields.indices where head.fields[index].isNamed(name) {
            isPresent = true
            guard let value = replace(token, in: head.fields[index].value) else { continue }
            try checkField(token.secret)
            head.fields[index].value = value
            changed = true
        }
        if !isPresent, let template = place.whenAbsent {
            try checkField(token.secret)
            head.fields.append(HeaderField(name, fill(template, token.secret)))
            changed = true
        }
        return changed
    }

    private func basic(_ place: InjectionPlace, _ token: Token, _ head: inout RequestHead) throws(InjectionError) -> Bool {
        var changed = false
        var isPresent = false
        for index in head.fields.indices {
            let field = head.fields[index]
            guard field.isNamed("authorization") || field.isNamed("proxy-authorization") else { continue }
            isPresent = true
            guard let encoded = BasicCredentials.encoded(field.value) else { continue }
            guard var text = Base64.decode(encoded) else { throw InjectionError(.malformed, "the basic credentials are not base64") }
            defer { text.wipe() }
            guard var replaced = replace(token, in: text) else { continue }
            head.fields[index].value = "Basic " + String(decoding: Base64.encode(replaced), as: UTF8.self)
            replaced.wipe()
            changed = true
        }
        if !isPresent, let template = place.whenAbsent {
            let text = Array(fill(template, token.secret).utf8)
            head.fields.append(HeaderField("authorization", "Basic " + String(decoding: Base64.encode(text), as: UTF8.self)))
            changed = true
        }
        return changed
    }

    private func query(_ name: String, _ place: InjectionPlace, _ token: Token, _ head: inout RequestHead) throws(InjectionError) -> Bool {
        var changed = false
        var isPresent = false
        let path = String(head.path)
        var parts = (head.query ?? "").utf8.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        for index in parts.indices {
            guard let pair = QueryPair(parts[index]), pair.name == Array(name.utf8) else { continue }
            isPresent = true
            guard var value = replace(token, in: pair.value) else { continue }
            defer { value.wipe() }
            parts[index] =
                String(parts[index].prefix { $0 != "=" }) + "=" + String(decoding: TextEncoding.percentEncoded(value), as: UTF8.self)
            changed = true
        }
        if !isPresent, let template = place.whenAbsent {
            let value = TextEncoding.percentEncoded(fill(template, token.secret).utf8)
            let name = TextEncoding.percentEncoded(name.utf8)
            if parts == [""] { parts = [] }
            parts.append(String(decoding: name + [UInt8(ascii: "=")] + value, as: UTF8.self))
            changed = true
        }
        if changed { head.target = path + "?" + parts.joined(separator: "&") }
        return changed
    }

    private func cookie(_ name: String, _ place: InjectionPlace, _ token: Token, _ head: inout RequestHead) throws(InjectionError) -> Bool {
        var changed = false
        var isPresent = false
        for index in head.fields.indices where head.fields[index].isNamed("cookie") {
            var crumbs = head.fields[index].value.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map {
                String(Substring($0))
            }
            for place in crumbs.indices where CookieCrumb.name(of: crumbs[place]) == name {
                isPresent = true
                guard let value = replace(token, in: crumbs[place]) else { continue }
                try checkCookie(token.secret)
                crumbs[place] = value
                changed = true
            }
            head.fields[index].value = crumbs.joined(separator: ";")
        }
        if !isPresent, let template = place.whenAbsent {
            try checkCookie(token.secret)
            head.fields.append(HeaderField("cookie", name + "=" + fill(template, token.secret)))
            changed = true
        }
        return changed
    }

    private func path(_ token: Token, _ head: inout RequestHead) -> Bool {
        let path = String(head.path)
        guard let replaced = replace(token, in: path, .percent) else { return false }
        head.target = replaced + head.target.dropFirst(path.count)
        return true
    }

    private func fill(_ template: String, _ secret: SecretBytes) -> String {
        let pieces = Token(grant: "", places: [], stub: Array("{value}".utf8), secret: secret)
        return replace(pieces, in: template) ?? template
    }

    private func replace(_ token: Token, in text: String, _ encoding: TextEncoding = .raw) -> String? {
        guard var bytes = replace(token, in: Array(text.utf8), encoding) else { return nil }
        defer { bytes.wipe() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A plain search: values in a head are short, and a table of its own for each request would cost more than it saves.
    private func replace(_ token: Token, in bytes: [UInt8], _ encoding: TextEncoding = .raw) -> [UInt8]? {
        let found = Search.positions(of: token.stub, in: bytes)
        if found.isEmpty { return nil }
        var plain = token.secret.copyBytes()
        var value = encoding.encode(plain)
        plain.wipe()
        defer { value.wipe() }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + found.count * value.count)
        var done = 0
        for hit in found {
            result.append(contentsOf: bytes[done..<hit])
            result.append(contentsOf: value)
            done = hit + token.stub.count
        }
        result.append(contentsOf: bytes[done...])
        return result
    }

    /// RFC 9110, section 5.5: neither line breaks nor NUL, which would begin another field; other controls are no better.
    private func checkField(_ secret: SecretBytes) throws(InjectionError) {
        let isSafe = secret.withBytes { bytes in
            bytes.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 } && String(validating: bytes, as: UTF8.self) != nil
        }
        if !isSafe { throw InjectionError(.unsafeCharacters, "the secret holds characters that cannot stand in a header") }
    }

    /// RFC 6265, section 4.1.1: cookie-octet.
    private func checkCookie(_ secret: SecretBytes) throws(InjectionError) {
        let isSafe = secret.withBytes { bytes in
            bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\",;\\".utf8.contains($0) }
        }
        if !isSafe { throw InjectionError(.unsafeCharacters, "the secret holds characters that cannot stand in a cookie") }
    }
}
