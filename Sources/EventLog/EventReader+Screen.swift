import CoopErrors

/// The events that a screen is made from. All are near the end of a log, or there are few of them.
extension EventReader {
    /// How many bytes the terminal has received.
    public func terminalEnd() throws(CoopError) -> Int64 {
        try database.number(
            "SELECT json_extract(fields, '$.offset') + json_extract(fields, '$.bytes') FROM events WHERE type = 'terminal' ORDER BY seq DESC LIMIT 1"
        )
    }

    /// The last checkpoint from when the terminal had received at most so many bytes.
    public func checkpoint(before offset: Int64) throws(CoopError) -> ScreenCheckpoint? {
        let statement = try database.prepare(
            """
            SELECT seq, json_extract(fields, '$.offset') AS place, json_extract(fields, '$.rows'), json_extract(fields, '$.columns'),
                json_extract(fields, '$.snapshot.sha256'), json_extract(fields, '$.snapshot')
            FROM events WHERE type = 'screen' AND place <= ?1 ORDER BY seq DESC LIMIT 1
            """)
        statement.bind(1, offset)
        guard try statement.step() else { return nil }
        let digest = statement.text(4)
        // A short content lies in the event itself.
        guard let snapshot = digest.isEmpty ? statement.bytes(5) : try content(sha256: digest) else { return nil }
        return ScreenCheckpoint(
            sequence: UInt64(statement.integer(0)), offset: statement.integer(1),
            size: ScreenSize(rows: Int(statement.integer(2)), columns: Int(statement.integer(3))), snapshot: snapshot)
    }

    /// What changed the screen after a cursor, in order.
    public func screenChanges(after cursor: UInt64, limit: Int) throws(CoopError) -> [ScreenChange] {
        let statement = try database.prepare(
            """
            SELECT seq, type, json_extract(fields, '$.offset'), json_extract(fields, '$.bytes'), json_extract(fields, '$.rows'),
                json_extract(fields, '$.columns')
            FROM events WHERE seq > ?1 AND type IN ('terminal', 'resized') ORDER BY seq LIMIT ?2
            """)
        statement.bind(1, Int64(clamping: cursor))
        statement.bind(2, Int64(limit))
        var result: [ScreenChange] = []
        while try statement.step() {
            let kind: ScreenChange.Kind =
                statement.text(1) == EventType.terminal.rawValue
                ? .bytes(offset: statement.integer(2), count: statement.integer(3))
                : .resized(ScreenSize(rows: Int(statement.integer(4)), columns: Int(statement.integer(5))))
            result.append(ScreenChange(sequence: UInt64(statement.integer(0)), kind: kind))
        }
        return result
    }

    /// The number of the event that tells of a byte of the terminal; zero when there is none.
    public func sequence(ofTerminal offset: Int64) throws(CoopError) -> UInt64 {
        let statement = try database.prepare(
            "SELECT seq FROM events WHERE type = 'terminal' AND json_extract(fields, '$.offset') <= ?1 ORDER BY seq DESC LIMIT 1")
        statement.bind(1, offset)
        return try statement.step() ? UInt64(statement.integer(0)) : 0
    }

    /// The size that the terminal had just before an event; nil where the log does not say.
    public func size(before sequence: UInt64) throws(CoopError) -> ScreenSize? {
        let statement = try database.prepare(
            """
            SELECT json_extract(fields, '$.rows'), json_extract(fields, '$.columns') FROM events WHERE seq < ?1 AND type = 'resized'
            ORDER BY seq DESC LIMIT 1
            """)
        statement.bind(1, Int64(clamping: sequence))
        return try statement.step() ? ScreenSize(rows: Int(statement.integer(0)), columns: Int(statement.integer(1))) : nil
    }
}
