import CoopErrors
import EventLog
import Glibc

extension SessionRecorder {
    /// Finishes the log of a session whose supervisor was killed. Whoever does this may be killed as well: a log that has its end already
    /// gets no other one.
    public static func orphan(directory: String) throws(CoopError) {
        guard var summary = SessionSummary.read(directory: directory), !summary.state.isOver else { return }
        let writer = try EventWriter.open(directory: directory)
        let end = try EventReader(directory: directory).end()
        if end == nil { try writer.append(.orphaned) }
        try writer.close()
        summary.state = end?.type == .exited ? .exited : .failed
        summary.code = end?.code ?? (end?.type == .failed ? 125 : nil)
        summary.reason = end?.type == .exited ? nil : end?.reason ?? "its supervisor was killed"
        summary.ended = Int64(time(nil))
        summary.since = summary.ended ?? 0
        try summary.write(directory: directory)
    }
}
