import CoopErrors

extension EventReader {
    /// How a session has ended, by its log.
    public struct End: Sendable, Equatable {
        /// `exited`, `failed` or `orphaned`.
        public var type: EventType
        /// Of `exited`: as a shell shows it, 128+n for a signal.
        public var code: Int32?
        /// Of `failed`.
        public var reason: String?
    }

    /// The end of the log; nil while there is none.
    public func end() throws(CoopError) -> End? {
        let statement = try database.prepare(
            """
            SELECT type, coalesce(json_extract(fields, '$.code'), 128 + json_extract(fields, '$.signal')), json_extract(fields, '$.reason')
            FROM events WHERE type IN ('exited', 'failed', 'orphaned') ORDER BY seq DESC LIMIT 1
            """)
        guard try statement.step() else { return nil }
        let type = EventType(rawValue: statement.text(0))
        return End(
            type: type, code: type == .exited ? Int32(truncatingIfNeeded: statement.integer(1)) : nil,
            reason: type == .failed ? statement.text(2) : nil)
    }
}
