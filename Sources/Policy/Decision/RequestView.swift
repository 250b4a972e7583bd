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
        /// It is not a plain one, and has to be read carefully.
        case unusual
    }

    let method: UnsafeRawBufferPointer
    /// See `MethodTable`; zero until a rule has looked at the method.
    var methodBits: (exact: UInt64, folded: UInt64) = (0, 0)
    /// The target as it was sent, with its query.
    let written: UnsafeRawBufferPointer
    var path = Path.unread
    /// See `PathReading`.
    var literal = UnsafeRawBufferPointer(start: nil, count: 0)
    var separated = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Of a plain path; see `PathReading.Plain`.
    var slashes: UInt64 = 0

    init(method: UnsafeRawBufferPointer, written: UnsafeRawBufferPointer) {
        self.method = method
        self.written = written
    }

    /// Finds out whether the path is a plain one.
    mutating func readPlainPath() {
        if let plain = PathReading.plain(written) {
            literal = UnsafeRawBufferPointer(start: written.baseAddress, count: plain.count)
            slashes = plain.slashes
            separated = literal
            path = .plain
        } else {
            path = .unusual
        }
    }
}
