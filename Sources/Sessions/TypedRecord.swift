/// What a person types at a session's terminal, a line at a time: for the log.
struct TypedRecord {
    private static let longest = 4096
    private var line: [UInt8] = []

    /// Takes keys.
    ///
    /// - Parameter isSecret: the program shows nothing of them.
    /// - Returns: a whole line, when there is one.
    mutating func take(_ keys: [UInt8], isSecret: Bool) -> [UInt8]? {
        guard !isSecret else {
            line = []
            return nil
        }
        line += keys
        guard keys.contains(where: { $0 == 0x0D || $0 == 0x0A }) || line.count > TypedRecord.longest else { return nil }
        defer { line = [] }
        return line
    }
}
