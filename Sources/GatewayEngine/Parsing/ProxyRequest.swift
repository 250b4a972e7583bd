/// The head of a request that was sent to the gateway as to an HTTP proxy (RFC 9112, 3.2.2 and 3.2.3).
enum ProxyRequest: Hashable {
    /// CONNECT; the head's length in bytes, its empty line included.
    case connect(HostNames.Host, port: UInt16, length: Int)
    /// A request with an absolute `http` target, which goes to the HTTP pipeline as it is.
    case absoluteForm(HostNames.Host, port: UInt16)
    case incomplete
    /// Answered with this status and reason.
    case refused(status: Int, String)

    /// The longest head of a CONNECT request.
    static let sizeLimit = 16 << 10

    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")
    private static let colon = UInt8(ascii: ":")

    /// Reads the request line and, for CONNECT, all of the head.
    static func read(_ bytes: ArraySlice<UInt8>) -> ProxyRequest {
        guard let end = endOfLine(bytes) else {
            guard bytes.count < sizeLimit else { return .refused(status: 431, "the request line is too long") }
            // Once the method is there, nothing but a proxy request is waited for.
            let seen = bytes.last == carriageReturn ? bytes.dropLast() : bytes
            return seen.prefix(32).contains(where: { $0 < 0x20 || $0 > 0x7E })
                ? .refused(status: 400, "the request line is malformed") : .incomplete
        }
        let line = bytes[bytes.startIndex..<end]
        // One space between the three parts, and visible ASCII in them: whatever else proxies tolerate, they disagree about.
        let parts = line.split(separator: space, omittingEmptySubsequences: false)
        guard parts.count == 3, line.allSatisfy({ $0 >= 0x20 && $0 <= 0x7E }), isToken(parts[0]) else {
            return .refused(status: 400, "the request line is malformed")
        }
        guard parts[2].elementsEqual("HTTP/1.1".utf8) || parts[2].elementsEqual("HTTP/1.0".utf8) else {
            return .refused(status: 505, "the version is not HTTP/1.1")
        }
        guard parts[0].elementsEqual("CONNECT".utf8) else { return absoluteForm(parts[1]) }
        guard let (host, port) = authority(parts[1], defaultPort: nil) else {
            return .refused(status: 400, "the target of CONNECT is no host and port")
        }
        return readHead(bytes, from: end + 2, host: host, port: port)
    }

    private static func absoluteForm(_ target: ArraySlice<UInt8>) -> ProxyRequest {
        let scheme = Array("http://".utf8)
        guard target.count > scheme.count, zip(target, scheme).allSatisfy({ ($0 | 0x20) == ($1 | 0x20) }) else {
            return .refused(status: 400, "this is a proxy: the target must be a http URL, or CONNECT be used")
        }
        let rest = target.dropFirst(scheme.count)
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? rest.endIndex
        guard let (host, port) = authority(rest[rest.startIndex..<end], defaultPort: 80) else {
            return .refused(status: 400, "the URL names no host")
        }
        return .absoluteForm(host, port: port)
    }

    /// The rest of a CONNECT request: header fields, of which only the framing ones matter, because CONNECT has no content.
    private static func readHead(_ bytes: ArraySlice<UInt8>, from start: Int, host: HostNames.Host, port: UInt16) -> ProxyRequest {
        var rest = bytes[start...]
        while true {
            guard let end = endOfLine(rest) else {
                return bytes.count < sizeLimit ? .incomplete : .refused(status: 431, "the head is too long")
            }
            let line = rest[rest.startIndex..<end]
            if line.isEmpty { return .connect(host, port: port, length: end + 2 - bytes.startIndex) }
            guard end + 2 - bytes.startIndex <= sizeLimit else { return .refused(status: 431, "the head is too long") }
            guard let colonAt = line.firstIndex(of: colon), isToken(line[line.startIndex..<colonAt]),
                line.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) })
            else { return .refused(status: 400, "a header field is malformed") }
            let name = String(decoding: line[line.startIndex..<colonAt], as: UTF8.self).lowercased()
            if name == "transfer-encoding" || name == "content-length" {
                return .refused(status: 400, "CONNECT has no content")
            }
            rest = bytes[(end + 2)...]
        }
    }

    /// `host:port`. IPv6, user names and everything that is not exactly a host and a port are nil.
    private static func authority(_ bytes: ArraySlice<UInt8>, defaultPort: UInt16?) -> (HostNames.Host, UInt16)? {
        let name: ArraySlice<UInt8>
        let port: UInt16
        if let colonAt = bytes.lastIndex(of: colon) {
            let digits = bytes[(colonAt + 1)...]
            guard (1...5).contains(digits.count), digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
                let number = UInt16(String(decoding: digits, as: UTF8.self)), number > 0
            else { return nil }
            (name, port) = (bytes[bytes.startIndex..<colonAt], number)
        } else {
            guard let defaultPort else { return nil }
            (name, port) = (bytes, defaultPort)
        }
        return HostNames.host(name).map { ($0, port) }
    }

    /// Where the carriage return of the first line is; nil while there is none. A bare line feed is part of the line, and no
    /// line that is accepted holds one.
    private static func endOfLine(_ bytes: ArraySlice<UInt8>) -> Int? {
        var index = bytes.startIndex
        while let found = bytes[index...].firstIndex(of: carriageReturn) {
            guard found + 1 < bytes.endIndex else { return nil }
            if bytes[found + 1] == lineFeed { return found }
            index = found + 1
        }
        return nil
    }

    /// RFC 9110, 5.6.2.
    static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains($0)
                }
            }
    }
}
