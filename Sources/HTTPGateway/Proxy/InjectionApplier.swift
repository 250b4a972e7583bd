import NIOHTTP1
import Substitution

/// Puts secrets into a request's head.
enum InjectionApplier {
    /// - Returns: the grants whose secrets are in the head now.
    static func apply(_ injections: [Injection], to head: inout RequestHead) throws(InjectionError) -> [String] {
        for place in injections.flatMap(\.places) {
            guard case .header(let name) = place.kind else { continue }
            guard FieldSyntax.isToken(name), !HopByHop.isForbiddenForInjection(name) else {
                throw InjectionError(.unsafeCharacters, "the grant names a header that cannot be set")
            }
        }
        guard !injections.isEmpty else { return [] }
        var changed = head.forSubstitution
        let used = try HeadInjector(injections).apply(to: &changed)
        if !used.isEmpty { head.take(changed) }
        return used
    }
}

extension RequestHead {
    /// The head as `Substitution` reads it.
    public var forSubstitution: Substitution.RequestHead {
        Substitution.RequestHead(
            method: method, target: path, authority: authority, fields: headers.map { HeaderField($0.name, $0.value) })
    }

    /// Takes over what `Substitution` has changed: target and fields.
    public mutating func take(_ changed: Substitution.RequestHead) {
        path = changed.target
        headers = HTTPHeaders(changed.fields.map { ($0.name, $0.value) })
    }
}
