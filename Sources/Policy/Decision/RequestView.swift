/// What is known of a request while it is judged. The path is read when the first rule looks at it.
struct RequestView {
    enum Path {
        /// Nobody has looked at it yet.
        case unread
        /// It has one reading, the bytes as they were sent.
        case plain
        /// It has two, which are known.
        case readable
        case ambiguous
    }

    var method: (exact: UInt64, folded: UInt64)
    /// The target as it was sent; from the first look on without the query.
    var written: UnsafeRawBufferPointer
    var path: Path
    /// See `PathReading`.
    var literal = UnsafeRawBufferPointer(start: nil, count: 0)
    var separated = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The outcome, when a rule has decided.
    var decision: Decision?

    init(method: (exact: UInt64, folded: UInt64), written: UnsafeRawBufferPointer, path: Path) {
        self.method = method
        self.written = written
        self.path = path
    }

    /// Reads the path if it is a plain one; false if it is not.
    mutating func readPlainPath() -> Bool {
        written = UnsafeRawBufferPointer(rebasing: written[..<PathReading.pathCount(written)])
        guard PathReading.isPlain(written) else { return false }
        path = .plain
        literal = written
        separated = written
        return true
    }
}
