import CoopErrors

/// Writes entries in a form for other programs.
public struct AuditExport: Sendable {
    public enum Format: String, Sendable, CaseIterable {
        /// The lines as they are in the log, so that whoever has the key can check them.
        case jsonl
        /// RFC 4180, with a line of titles; the details are one column with JSON in it.
        case csv
    }

    private let reader: AuditReader
    private let format: Format

    /// - Parameter directory: `$COOP_HOME/audit`.
    public init(directory: String, format: Format) {
        reader = AuditReader(directory: directory)
        self.format = format
    }

    /// Hands the entries that are meant to `write`, in pieces of about 64 KiB.
    ///
    /// - Returns: how many lines were left out because coop did not write them.
    @discardableResult
    public func write(_ query: AuditQuery, to write: ([UInt8]) throws(CoopError) -> Void) throws(CoopError) -> Int {
        var piece: [UInt8] = []
        if format == .csv { piece += "seq,at,session,type,details,prev,mac\r\n".utf8 }
        let unreadable = try reader.read(query) { record throws(CoopError) in
            switch format {
            case .jsonl: piece += (record.json + "\n").utf8
            case .csv:
                let fields = [
                    String(record.sequence), record.entry.time.description, AuditExport.cell(record.entry.session),
                    AuditExport.cell(record.entry.type.rawValue), AuditExport.cell(record.detailsJSON), record.previous, record.code,
                ]
                piece += (fields.joined(separator: ",") + "\r\n").utf8
            }
            guard piece.count >= 64 << 10 else { return }
            try write(piece)
            piece.removeAll(keepingCapacity: true)
        }
        if !piece.isEmpty { try write(piece) }
        return unreadable
    }

    /// A field that a spreadsheet takes for text: not for the end of the field, and not for a formula.
    private static func cell(_ text: String) -> String {
        let isFormula = text.utf8.first.map { "=+-@\t\r".utf8.contains($0) } ?? false
        let safe = isFormula ? "'" + text : text
        guard safe.utf8.contains(where: { "\",\r\n".utf8.contains($0) }) else { return safe }
        return "\"" + safe.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
