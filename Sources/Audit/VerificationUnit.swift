import CoopErrors

/// A part of a file, from the beginning of a line to the end of one, that is verified by itself.
struct VerificationUnit: Sendable {
    /// The index of the file.
    let file: Int
    let range: Range<UInt64>

    /// What one unit has shown. Whether it continues the one before is seen when all are put together.
    struct Result: Sendable {
        /// The place before the unit, as its first line says.
        var before: ChainPosition?
        /// The last intact line.
        var after: ChainPosition?
        /// Intact lines.
        var lines: UInt64 = 0
        /// Where the first line that is not intact begins.
        var badOffset: UInt64?
    }

    /// Checks every line's code and that each continues the one before.
    func verify(_ reader: LineReader, key: ChainKey) throws(CoopError) -> Result {
        var result = Result()
        let end = try reader.lines(in: range) { bytes, offset throws(CoopError) in
            guard let line = LogLine(bytes), bytes.count < AuditLimits.line, result.after.map({ line.follows($0) }) ?? true,
                line.sequence > 0, line.isAuthentic(bytes, key: key)
            else {
                result.badOffset = offset
                return false
            }
            if result.before == nil {
                result.before = ChainPosition(
                    file: reader.log.number, offset: offset, sequence: line.sequence - 1, code: line.previous)
            }
            result.after = ChainPosition(
                file: reader.log.number, offset: offset + UInt64(bytes.count) + 1, sequence: line.sequence, code: line.code)
            result.lines += 1
            return true
        }
        if case .partial(let offset) = end { result.badOffset = offset }
        return result
    }
}
