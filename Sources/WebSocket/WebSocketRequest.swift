import Crypto

/// The request that opens a connection (RFC 6455, 4.2.1; RFC 9112).
public struct WebSocketRequest: Sendable, Equatable {
    /// Why it is refused: a status of HTTP.
    struct Refusal: Error, Equatable {
        var status: String
        var header = ""

        var response: [UInt8] {
            Array("HTTP/1.1 \(status)\r\n\(header)Content-Length: 0\r\nConnection: close\r\n\r\n".utf8)
        }
    }

    /// The longest head.
    static let limit = 8192

    /// The path, without what follows `?`.
    public let path: String
    /// `name=value` parts of the query, as they were written.
    public let query: [String: String]
    let headers: [String: [String]]
    private let key: String

    /// - Parameter head: up to and with the empty line.
    init(parsing head: [UInt8]) throws(Refusal) {
        let bad = Refusal(status: "400 Bad Request")
        guard let text = String(validating: head, as: UTF8.self),
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || $0 == 0x0D || $0 == 0x0A || $0 == 0x09 })
        else { throw bad }
        // By bytes: to Swift CR LF is one character.
        var lines: [String] = []
        for line in head.split(separator: 0x0A, omittingEmptySubsequences: false) {
            guard line.isEmpty || line.last == 0x0D, !line.dropLast().contains(0x0D) else { throw bad }
            lines.append(String(decoding: line.dropLast(), as: UTF8.self))
        }
        let parts = (lines.first ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2] == "HTTP/1.1", parts[1].hasPrefix("/") else { throw bad }
        guard parts[0] == "GET" else { throw Refusal(status: "405 Method Not Allowed", header: "Allow: GET\r\n") }
        var headers: [String: [String]] = [:]
        for line in lines.dropFirst() where !line.isEmpty {
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex,
                !line[..<colon].contains(where: { $0 == " " || $0 == "\t" })
            else { throw bad }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers[line[..<colon].lowercased(), default: []].append(String(value.reversed().drop { $0 == " " || $0 == "\t" }.reversed()))
        }
        self.headers = headers
        guard headers["host"]?.count == 1, headers["content-length"] == nil, headers["transfer-encoding"] == nil else { throw bad }
        func has(_ name: String, _ token: String) -> Bool {
            (headers[name] ?? []).flatMap { $0.split(separator: ",") }.contains {
                $0.lowercased().filter { $0 != " " && $0 != "\t" } == token
            }
        }
        guard has("upgrade", "websocket"), has("connection", "upgrade") else {
            throw Refusal(status: "426 Upgrade Required", header: "Upgrade: websocket\r\n")
        }
        guard headers["sec-websocket-version"] == ["13"] else {
            throw Refusal(status: "426 Upgrade Required", header: "Sec-WebSocket-Version: 13\r\n")
        }
        guard let keys = headers["sec-websocket-key"], keys.count == 1, WebSocketRequest.isKey(keys[0]) else { throw bad }
        key = keys[0]
        let target = parts[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(target[0])
        var query: [String: String] = [:]
        for part in target.count > 1 ? target[1].split(separator: "&") : [] {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[String(pair[0])] = pair.count > 1 ? String(pair[1]) : ""
        }
        self.query = query
    }

    /// Sixteen bytes in Base64.
    private static func isKey(_ text: String) -> Bool {
        text.utf8.count == 24 && text.hasSuffix("==")
            && text.utf8.dropLast(2).allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2B || byte == 0x2F
            }
    }

    /// What answers the client: the connection is a WebSocket from then on.
    var acceptance: [UInt8] {
        let digest = Array(Insecure.SHA1.hash(data: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
        return Array(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(Base64.text(digest))\r\n\r\n"
                .utf8)
    }
}

/// Base64 (RFC 4648, 4).
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let value = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for index in 0..<4 { result.append(index <= group.count ? alphabet[value >> (18 - 6 * index) & 63] : UInt8(ascii: "=")) }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
