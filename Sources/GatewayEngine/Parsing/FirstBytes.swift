/// What a connection's first bytes are, as far as they have come.
enum FirstBytes: Hashable {
    case tls(ClientHello)
    case http
    case http2
    case other
    case incomplete
    case malformed(String)

    /// The most bytes that are looked at.
    static let sizeLimit = ClientHello.sizeLimit

    /// RFC 9113, 3.4.
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    /// The longest request line that is waited for where the method is not a common one.
    private static let lineLimit = 8 << 10
    private static let methods: Set<String> = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE",
        "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE",
    ]

    static func read(_ bytes: ArraySlice<UInt8>) -> FirstBytes {
        guard let first = bytes.first else { return .incomplete }
        if ClientHello.begins(with: first) {
            return switch ClientHello.read(bytes) {
            case .hello(let hello): .tls(hello)
            case .incomplete: .incomplete
            case .malformed(let reason): .malformed(reason)
            }
        }
        if bytes.starts(with: preface) { return .http2 }
        if preface.starts(with: bytes) { return .incomplete }
        // Methods are written in capitals; many other protocols begin with a word in small letters, and wait for an answer to it.
        guard first >= UInt8(ascii: "A"), first <= UInt8(ascii: "Z") else { return .other }
        // A token, a space, a target, and the version at the end of the line.
        guard let space = bytes.firstIndex(of: UInt8(ascii: " ")) else {
            return bytes.count <= 32 && ProxyRequest.isToken(bytes) ? .incomplete : .other
        }
        let method = bytes[bytes.startIndex..<space]
        guard ProxyRequest.isToken(method) else { return .other }
        if methods.contains(String(decoding: method, as: UTF8.self)) { return .http }
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return bytes.count < lineLimit ? .incomplete : .other }
        let line = bytes[bytes.startIndex..<end]
        let trimmed = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        return trimmed.suffix(9).starts(with: " HTTP/1.".utf8) ? .http : .other
    }
}
