extension PatternTable {
    /// Secrets to asterisks, in every form in which text may repeat them, for what is kept of a terminal. A mask is as long as what it hides,
    /// so that what follows stays in its place. Those shorter than `shortestScrubbed` are left out.
    public static func masking(_ secrets: [SecretBytes]) -> PatternTable {
        func masked(_ form: [UInt8]) -> Pair { Pair(form, [UInt8](repeating: UInt8(ascii: "*"), count: form.count)) }
        var pairs: [Pair] = []
        // A table is limited: the values themselves come before their other forms.
        var encoded: [Pair] = []
        for secret in secrets {
            var value = secret.copyBytes()
            // What a shell puts into a variable has lost the line end of its file.
            while let last = value.last, last == 0x0A || last == 0x0D || last == 0x20 { value.removeLast() }
            if value.count >= shortestScrubbed {
                let forms = SecretForms.all(value)
                pairs += forms.prefix(1).map(masked)
                encoded += forms.dropFirst().map(masked)
                // A terminal shows a line end as CR LF, and is sent one as CR.
                if value.contains(0x0A) { pairs += [[0x0D, 0x0A], [0x0D]].map { masked(withLineEnds($0, value)) } }
            }
            value.wipe()
        }
        pairs += encoded
        // Nobody else may hold what is wiped now.
        encoded.removeAll()
        return PatternTable(wiping: &pairs)
    }

    private static func withLineEnds(_ end: [UInt8], _ value: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        // Enough for any text: what grows leaves a copy of what it held.
        result.reserveCapacity(2 * value.count)
        for byte in value { if byte == 0x0A { result += end } else { result.append(byte) } }
        return result
    }
}
