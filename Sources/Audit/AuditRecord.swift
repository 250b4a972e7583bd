/// One line of the log, read back.
public struct AuditRecord: Sendable, Equatable {
    public var sequence: UInt64
    public var entry: AuditEntry
    /// The code of the line before, 64 digits.
    public var previous: String
    /// The code of this line, 64 digits. Whether it is right is the verifier's business.
    public var code: String

    /// Reads a line; nil when it is not one that coop could have written.
    ///
    /// - Parameter line: without its line break.
    public init?(line: UnsafeRawBufferPointer) {
        guard line.count < AuditLimits.line, let frame = LogLine(line) else { return nil }
        var parser = RecordParser(line)
        guard let entry = parser.entry(frame) else { return nil }
        self.entry = entry
        sequence = frame.sequence
        previous = frame.previous.description
        code = frame.code.description
    }

    /// The line as JSON, escaped as coop escapes it: the same bytes for every line that coop wrote.
    public var json: String {
        var bytes = Array("{\"seq\":\(sequence)".utf8)
        EntryEncoder(isBounded: false).append(entry, to: &bytes)
        bytes.append(contentsOf: ",\"prev\":\"\(previous)\",\"mac\":\"\(code)\"}".utf8)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The details as a JSON object.
    public var detailsJSON: String {
        var bytes: [UInt8] = []
        EntryEncoder(isBounded: false).append(entry, to: &bytes)
        let marker = Array(",\"details\":".utf8)
        // The first one: a text cannot hold it, for its quotation marks would be escaped.
        for index in bytes.indices where bytes[index...].starts(with: marker) {
            return String(decoding: bytes[(index + marker.count)...], as: UTF8.self)
        }
        return "{}"
    }
}
