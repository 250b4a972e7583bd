/// The forms in which a value turns up in traffic.
enum SecretForms {
    /// Each form of the secret with the same form of the stub. Forms that are equal to another are left out.
    ///
    /// In base64 the digits at the ends hold bits of the neighbouring bytes as well and stay; what is put between them is as long as what
    /// was there, so that the text still decodes.
    static func pairs(secret: [UInt8], stub: [UInt8]) -> [(secret: [UInt8], stub: [UInt8])] {
        var result: [(secret: [UInt8], stub: [UInt8])] = []
        // What is left out is a copy of the secret, and must not stay in freed memory.
        func add(_ form: inout [UInt8], _ replacement: [UInt8]) {
            if form.isEmpty || result.contains(where: { $0.secret == form }) {
                form.wipe()
            } else {
                result.append((form, replacement))
            }
        }
        if !secret.isEmpty { result.append((secret, stub)) }
        for escaping in [false, true] {
            var form = TextEncoding.jsonEscaped(secret, escapingSlash: escaping)
            add(&form, TextEncoding.jsonEscaped(stub, escapingSlash: escaping))
        }
        for upper in [true, false] {
            for plus in [false, true] {
                var form = TextEncoding.percentEncoded(secret, upper: upper, spaceAsPlus: plus)
                add(&form, TextEncoding.percentEncoded(stub, upper: upper, spaceAsPlus: plus))
            }
            var form = TextEncoding.hex(secret, upper: upper)
            add(&form, TextEncoding.hex(stub, upper: upper))
        }
        for alphabet in Base64.Alphabet.allCases {
            for before in 0..<3 {
                var form = Base64.inner(secret, before: before, alphabet)
                var replacement = Base64.inner(stub, before: before, alphabet)
                while replacement.count < form.count, !replacement.isEmpty { replacement += replacement }
                let length = form.count
                add(&form, Array(replacement.prefix(length)))
            }
        }
        return result
    }

    /// The forms alone.
    static func all(_ secret: [UInt8]) -> [[UInt8]] { pairs(secret: secret, stub: []).map(\.secret) }
}
