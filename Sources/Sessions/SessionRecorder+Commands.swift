import CoopErrors
import EventLog
import Sandbox
import WardenProtocol

/// What is typed, and the further commands of a session.
extension SessionRecorder {
    /// Somebody has typed or sent something.
    ///
    /// - Parameter isWhole: whether it is a text of its own; otherwise it goes on where the last one ended.
    func typed(_ text: [UInt8], by: String, isWhole: Bool) throws(CoopError) {
        let clean = isWhole ? scrubber.whole(text) : scrubber.take(text, from: .typed)
        guard isWhole || !clean.isEmpty else { return }
        var fields = EventFields()
        fields.put("text", content: clean)
        fields.put("by", by)
        try record(.input, fields)
    }

    /// A further command was started in the sandbox.
    ///
    /// - Parameter size: of its terminal; nil for none.
    func executed(_ id: UInt32, _ command: [String], size: (rows: UInt16, columns: UInt16)?) throws(CoopError) {
        try record(.exec) { scrubber in
            var fields = EventFields()
            fields.put("id", String(id))
            fields.put("command", list: command.map(scrubber.whole))
            if let size {
                fields.put("rows", Int64(size.rows))
                fields.put("columns", Int64(size.columns))
            }
            return fields
        }
    }

    /// A further command has written something.
    func executionWrote(_ id: UInt32, _ bytes: [UInt8]) throws(CoopError) {
        // Bytes are not held back: a run in which others work is worth a log.
        try begin()
        try writer.append(written: scrubber.take(bytes, from: .command(id)), by: id)
    }

    /// A further command has ended.
    func executionEnded(_ id: UInt32, _ end: ProcessEnd) throws(CoopError) {
        let rest = scrubber.finish(.command(id))
        if !rest.isEmpty { try writer.append(written: rest, by: id) }
        var fields = EventFields()
        fields.put("id", String(id))
        fields.put("code", Int64(end.code))
        try record(.execExited, fields)
    }
}
