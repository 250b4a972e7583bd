extension PatternTable {
    /// Secrets to asterisks, in every form in which text may repeat them, for what is kept of a terminal. A mask is as long as what it hides,
    /// so that what follows stays in its place. Those shorter than `shortestScrubbed` are left out.
    public static func masking(_ secrets: [SecretBytes]) -> PatternTable {
        var pairs: [Pair] = []
        func add(_ value: [UInt8]) {
            for form in SecretForms.all(value) { pairs.append(Pair(form, [UInt8](repeating: UInt8(ascii: "*"), count: form.count))) }
        }
        for secret in secrets {
            var value = secret.copyBytes()
            // What a shell puts into a variable has lost the line end of its file.
            while let last = value.last, last == 0x0A || last == 0x0D || last == 0x20 { value.removeLast() }
            if value.count >= shortestScrubbed {
                add(value)
                if value.contains(0x0A) {
                    // A terminal shows a line end as CR LF, and is sent one as CR.
                    for end in [[0x0D, 0x0A], [0x0D]] as [[UInt8]] {
                        var lines: [UInt8] = []
                        lines.reserveCapacity(2 * value.count)
                        for byte in value { if byte == 0x0A { lines += end } else { lines.append(byte) } }
                        pairs.append(Pair(lines, [UInt8](repeating: UInt8(ascii: "*"), count: lines.count)))
                        lines.wipe()
                    }
                }
            }
            value.wipe()
        }
        return PatternTable(wiping: &pairs)
    }
}
