extension PatternTable {
    /// Patterns shorter than this would stand in harmless bytes by chance, and are not searched for in responses.
    public static let shortestScrubbed = 8

    /// Stubs to secrets, for a request's body. Only injections that may be used in a body take part.
    ///
    /// - Parameter encoding: how text is written in this kind of body.
    public static func substituting(_ injections: [Injection], in encoding: TextEncoding) -> PatternTable {
        var pairs: [Pair] = []
        for injection in injections where injection.places.contains(where: { $0.kind == .body }) {
            guard case .token(let stub, let secret) = injection.credential else { continue }
            var value = secret.copyBytes()
            pairs.append(Pair(encoding.encode(stub), encoding.encode(value)))
            value.wipe()
        }
        return PatternTable(wiping: &pairs)
    }

    /// Secrets back to stubs, in every form in which a server might repeat them, for the responses to a request.
    ///
    /// - Parameter others: further secrets that the request's answer may hold, with the stubs that stand for them.
    public static func scrubbing(_ injections: [Injection], others: [(secret: SecretBytes, stub: [UInt8])] = []) -> PatternTable {
        var pairs: [Pair] = []
        func add(_ secret: SecretBytes, _ stub: [UInt8]) {
            guard secret.count >= shortestScrubbed else { return }
            var value = secret.copyBytes()
            pairs += SecretForms.pairs(secret: value, stub: stub).map { Pair($0.secret, $0.stub) }
            value.wipe()
        }
        for injection in injections {
            switch injection.credential {
            case .token(let stub, let secret): add(secret, stub)
            case .aws(let keys):
                add(keys.secret, keys.stubSecret)
                add(keys.keyID, Array(keys.stubKeyID.utf8))
                if let token = keys.token { add(token, keys.stubToken ?? Array("coop-session-token".utf8)) }
            }
        }
        for other in others { add(other.secret, other.stub) }
        return PatternTable(wiping: &pairs)
    }

    /// The fields with every pattern replaced, and whether one was.
    public func replaceAll(in fields: inout [HeaderField]) -> Bool {
        var changed = false
        for index in fields.indices {
            guard let value = replacing(in: fields[index].value) else { continue }
            fields[index].value = value
            changed = true
        }
        return changed
    }
}
