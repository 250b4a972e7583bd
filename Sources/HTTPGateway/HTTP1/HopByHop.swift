import NIOHTTP1

/// Fields that concern one connection only (RFC 9110 §7.6.1) and are never passed on.
enum HopByHop {
    private static let names: [StaticString] = [
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade", "content-length", "http2-settings",
    ]

    /// What the fields say about the connection itself.
    struct Options {
        var close = false
        var keepAlive = false
        var upgrade = false
        /// `TE: trailers`, which gRPC needs.
        var acceptsTrailers = false
    }

    /// Takes the fields of the connection, and whatever `Connection` names, out of `headers`.
    ///
    /// - Throws: when `Connection` names a field that the message cannot do without: taking `Host` or a credential away in
    ///   the middle is an attack on the next reader.
    static func remove(from headers: inout HTTPHeaders) throws -> Options {
        var options = Options()
        guard headers.contains(where: { field in names.contains { FieldSyntax.equal(field.name, $0) } }) else { return options }
        var named: [String] = []
        for field in headers {
            if FieldSyntax.equal(field.name, "connection") {
                for member in FieldSyntax.members(field.value) where !member.isEmpty {
                    let name = FieldSyntax.lowercased(member)
                    guard FieldSyntax.isToken(name) else { throw MessageError.malformed("a Connection option that is not a token") }
                    switch name {
                    case "close": options.close = true
                    case "keep-alive": options.keepAlive = true
                    case "upgrade": options.upgrade = true
                    case "te", "http2-settings": break
                    case "host", "authorization", "cookie", "content-type", "content-encoding", "expect":
                        throw MessageError.smuggling("Connection names the field \(name)")
                    default: named.append(name)
                    }
                }
            } else if FieldSyntax.equal(field.name, "te") {
                if FieldSyntax.members(field.value).contains(where: { FieldSyntax.equal($0, "trailers") }) {
                    options.acceptsTrailers = true
                }
            }
        }
        var kept = HTTPHeaders()
        kept.reserveCapacity(headers.count)
        for field in headers {
            if names.contains(where: { FieldSyntax.equal(field.name, $0) }) { continue }
            if !named.isEmpty, named.contains(FieldSyntax.lowercased(field.name)) { continue }
            kept.add(name: field.name, value: field.value)
        }
        headers = kept
        return options
    }

    /// Whether the field must not stand in trailers (RFC 9110 §6.5.1): framing, routing, authentication.
    static func isForbiddenInTrailers(_ name: String) -> Bool {
        names.contains { FieldSyntax.equal(name, $0) } || FieldSyntax.equal(name, "host") || FieldSyntax.equal(name, "authorization")
            || FieldSyntax.equal(name, "cookie") || FieldSyntax.equal(name, "set-cookie") || FieldSyntax.equal(name, "content-encoding")
            || FieldSyntax.equal(name, "content-type") || FieldSyntax.equal(name, "content-range")
    }

    /// Whether a grant must not set the field: it would change the framing or the destination.
    static func isForbiddenForInjection(_ name: String) -> Bool {
        names.contains { FieldSyntax.equal(name, $0) } || FieldSyntax.equal(name, "host") || FieldSyntax.equal(name, "expect")
    }
}
