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
        // `aws-chunked` is the framing of a signed body, which leaves its bytes readable.
        let names = values.flatMap { $0.split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" }) }.map { $0.lowercased() }
            .filter { $0 != "identity" }
        switch names.filter({ $0 != "aws-chunked" }) {
        case []: self = .identity
        case ["gzip"] where names.count == 1, ["x-gzip"] where names.count == 1: self = .gzip
        case ["deflate"] where names.count == 1: self = .deflate
        default: self = .other
        }
    }
}
