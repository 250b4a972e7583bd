/// How a body is encoded for its way (RFC 9110, section 8.4).
public enum ContentCoding: Sendable, Equatable {
    case identity
    /// RFC 1952.
    case gzip
    /// The zlib format (RFC 1950), or bare deflate data (RFC 1951), which some mean by the name.
    case deflate
    /// One that is not decoded here, or more than one.
    case other

    /// - Parameter values: the values of all `Content-Encoding` fields of a message, in order.
    public init(_ values: some Sequence<String>) {
        let (coding, isFramed) = ContentCoding.request(values)
        // A framing without a coding leaves the bytes readable.
        self = isFramed && coding != .identity ? .other : coding
    }

    /// How the body of a request is encoded, and whether that is framed in chunks (`aws-chunked`). The name of the framing may stand before or
    /// after that of the coding; the frames are always outside (Amazon S3 User Guide, "Signature calculations: transferring payload in
    /// chunks").
    public static func request(_ values: some Sequence<String>) -> (coding: ContentCoding, isFramed: Bool) {
        let names = values.flatMap { $0.split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" }) }.map { $0.lowercased() }
            .filter { $0 != "identity" }
        let isFramed = names.contains("aws-chunked")
        switch names.filter({ $0 != "aws-chunked" }) {
        case []: return (.identity, isFramed)
        case ["gzip"], ["x-gzip"]: return (.gzip, isFramed)
        case ["deflate"]: return (.deflate, isFramed)
        default: return (.other, isFramed)
        }
    }
}
