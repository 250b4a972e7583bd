import NIOHTTP1

/// Puts secrets into a request's head.
enum InjectionApplier {
    static func apply(_ injections: [Injection], to head: inout RequestHead) throws {
        for injection in injections {
            guard let secret = injection.secret.text, FieldSyntax.isValue(secret) else {
                throw InjectionError(reason: "the secret cannot stand in a header: it holds control characters or is not text")
            }
            switch injection.place {
            case .header(let name, let prefix):
                guard FieldSyntax.isToken(name), FieldSyntax.isValue(prefix), !HopByHop.isForbiddenForInjection(name) else {
                    throw InjectionError(reason: "the grant names a header that cannot be set")
                }
                head.headers.replaceOrAdd(name: name, value: prefix + secret)
            case .bearer:
                head.headers.replaceOrAdd(name: "Authorization", value: "Bearer " + secret)
            case .basic(let user):
                head.headers.replaceOrAdd(name: "Authorization", value: "Basic " + Base64.encode(Array("\(user):\(secret)".utf8)))
            case .query(let name):
                head.path = setQuery(head.path, name: name, value: secret)
            case .stubInHeader(let name, let stub):
                replaceInHeader(name, stub: stub, secret: secret, in: &head.headers)
            case .stubInBasic(let stub):
                replaceInBasic(stub: stub, secret: secret, in: &head.headers)
            case .stubInQuery(let stub):
                head.path = replaceInQuery(head.path, stub: stub, secret: secret)
            }
        }
    }

    private static func replaceInHeader(_ name: String, stub: String, secret: String, in headers: inout HTTPHeaders) {
        let values = headers[name]
        guard !stub.isEmpty, values.contains(where: { $0.contains(stub) }) else { return }
        headers.remove(name: name)
        for value in values { headers.add(name: name, value: replacing(stub, by: secret, in: value)) }
    }

    private static func replaceInBasic(stub: String, secret: String, in headers: inout HTTPHeaders) {
        let values = headers["authorization"]
        guard !stub.isEmpty, values.count == 1, let value = values.first, value.utf8.count > 6,
            FieldSyntax.equal(value.prefix(6), "basic "),
            let decoded = Base64.decode(value.dropFirst(6).drop { $0 == " " }), let text = String(validating: decoded, as: UTF8.self),
            text.contains(stub)
        else { return }
        headers.replaceOrAdd(name: "Authorization", value: "Basic " + Base64.encode(Array(replacing(stub, by: secret, in: text).utf8)))
    }

    private static func setQuery(_ path: String, name: String, value: String) -> String {
        let parameter = PercentEncoding.encode(name) + "=" + PercentEncoding.encode(value)
        guard let mark = path.firstIndex(of: "?") else { return path + "?" + parameter }
        let kept = path[path.index(after: mark)...].split(separator: "&").filter { part in
            PercentEncoding.decode(part.prefix { $0 != "=" }) != Array(name.utf8)
        }
        return path[...mark] + (kept + [parameter[...]]).joined(separator: "&")
    }

    private static func replaceInQuery(_ path: String, stub: String, secret: String) -> String {
        guard !stub.isEmpty, let mark = path.firstIndex(of: "?") else { return path }
        let secret = PercentEncoding.encode(secret)
        let parts = path[path.index(after: mark)...].split(separator: "&", omittingEmptySubsequences: false).map { part -> String in
            if part.contains(stub) { return replacing(stub, by: secret, in: String(part)) }
            // A stub that the client has percent-encoded: the value is decoded, and encoded again as a whole.
            guard part.utf8.contains(0x25), let decoded = PercentEncoding.decode(part),
                let text = String(validating: decoded, as: UTF8.self),
                text.contains(stub), let equals = part.firstIndex(of: "="),
                let value = PercentEncoding.decode(part[part.index(after: equals)...]).flatMap({ String(validating: $0, as: UTF8.self) })
            else { return String(part) }
            return part[...equals]
                + value.split(separator: stub, omittingEmptySubsequences: false).map { PercentEncoding.encode(String($0)) }.joined(
                    separator: secret)
        }
        return path[...mark] + parts.joined(separator: "&")
    }

    private static func replacing(_ stub: String, by secret: String, in text: String) -> String {
        text.split(separator: stub, omittingEmptySubsequences: false).joined(separator: secret)
    }
}
