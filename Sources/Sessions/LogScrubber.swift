import Substitution

/// Takes secrets out of what a session's log is about to keep, by their values. A value that arrives in pieces is found as well: what may be
/// its beginning is held back until the next piece tells.
struct LogScrubber {
    /// What arrives in pieces, each by itself.
    enum Source: Hashable {
        case terminal, typed, agent
        case command(UInt32)
    }

    private var table = PatternTable([])
    private var replacers: [Source: StreamReplacer] = [:]
    /// What was held back as other secrets became known.
    private var carried: [Source: [UInt8]] = [:]

    /// From here on these are taken out.
    mutating func use(_ table: PatternTable) {
        for (source, replacer) in replacers { carried[source, default: []] += replacer.heldBytes }
        replacers = [:]
        self.table = table
    }

    /// Takes the next piece.
    ///
    /// - Returns: what can be written, without what is held back.
    mutating func take(_ bytes: [UInt8], from source: Source) -> [UInt8] {
        if table.isEmpty, carried.isEmpty { return bytes }
        let replacer = replacers[source] ?? StreamReplacer(table)
        replacers[source] = replacer
        let piece = (carried.removeValue(forKey: source) ?? []) + bytes
        var result: [UInt8] = []
        result.reserveCapacity(piece.count)
        piece.withUnsafeBytes { replacer.process($0) { result.append(contentsOf: $0) } }
        return result
    }

    /// What is held back, as it came.
    func held(_ source: Source) -> [UInt8] { (carried[source] ?? []) + (replacers[source]?.heldBytes ?? []) }

    /// Nothing follows: what was held back is no secret.
    mutating func finish(_ source: Source) -> [UInt8] {
        var result = take([], from: source)
        replacers.removeValue(forKey: source)?.finish { result.append(contentsOf: $0) }
        return result
    }

    /// A text that comes whole.
    func whole(_ bytes: [UInt8]) -> [UInt8] { table.replacing(in: bytes) ?? bytes }

    func whole(_ text: String) -> String { table.replacing(in: text) ?? text }
}
