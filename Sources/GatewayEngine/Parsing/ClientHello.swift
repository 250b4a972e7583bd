/// What a TLS client says first (RFC 8446, 4.1.2): the name it wants, and the application protocols it offers.
struct ClientHello: Hashable {
    /// The one host name of the extension server_name (RFC 6066, 3), as sent; nil without the extension.
    var serverName: [UInt8]?
    /// The protocols of ALPN (RFC 7301), as sent.
    var protocols: [[UInt8]]

    /// What the first bytes of a connection say.
    enum Reading: Hashable {
        case hello(ClientHello)
        /// The beginning of a ClientHello; more must come.
        case incomplete
        /// TLS from the first byte on, but no ClientHello that two readers would understand alike.
        case malformed(String)
    }

    /// The longest hello that is waited for, its record headers included. Real ones have 2 KiB with post-quantum keys.
    static let sizeLimit = 32 << 10

    private static let handshakeRecord: UInt8 = 22
    private static let clientHello: UInt8 = 1
    /// The most content of one record (RFC 8446, 5.1).
    private static let recordLimit = 16384

    /// Whether the first byte can only be a TLS handshake.
    static func begins(with byte: UInt8) -> Bool { byte == handshakeRecord }

    /// Reads a ClientHello that may be split over records, from the first bytes of a connection.
    static func read(_ bytes: ArraySlice<UInt8>) -> Reading {
        var message: [UInt8] = []
        var reader = ByteReader(bytes)
        while true {
            if message.count >= 4 {
                guard message[0] == clientHello else { return .malformed("the first handshake message is no ClientHello") }
                let length = Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3])
                guard length <= sizeLimit else { return .malformed("a ClientHello of \(length) bytes") }
                if message.count >= 4 + length {
                    // A second message in the flight of the first has no meaning here.
                    guard message.count == 4 + length else { return .malformed("bytes after the ClientHello in its record") }
                    return parse(message[4...])
                }
            }
            guard let type = reader.byte() else { return incomplete(bytes) }
            guard type == handshakeRecord else { return .malformed("a record of type \(type) inside the ClientHello") }
            guard let major = reader.byte() else { return incomplete(bytes) }
            guard major == 3 else { return .malformed("record version \(major)") }
            guard let minor = reader.byte() else { return incomplete(bytes) }
            guard minor <= 4 else { return .malformed("record version 3.\(minor)") }
            guard let length = reader.uint16() else { return incomplete(bytes) }
            guard length > 0, length <= recordLimit else { return .malformed("a record of \(length) bytes") }
            let piece = reader.take(min(length, reader.remaining)) ?? []
            message += piece
            // The type is known early: what is no hello need not be waited for.
            if let first = message.first, first != clientHello { return .malformed("the first handshake message is no ClientHello") }
            guard piece.count == length else { return incomplete(bytes) }
        }
    }

    private static func incomplete(_ bytes: ArraySlice<UInt8>) -> Reading {
        bytes.count < sizeLimit ? .incomplete : .malformed("a ClientHello beyond \(sizeLimit) bytes")
    }

    private static func parse(_ body: ArraySlice<UInt8>) -> Reading {
        var reader = ByteReader(body)
        guard let version = reader.uint16(), version >= 0x0301, version <= 0x0303 else {
            return .malformed("the version of the ClientHello")
        }
        guard reader.take(32) != nil else { return .malformed("a ClientHello without its random bytes") }
        guard let session = reader.short(), session.count <= 32 else { return .malformed("the session of the ClientHello") }
        guard let suites = reader.long(), suites.count >= 2, suites.count % 2 == 0 else {
            return .malformed("the suites of the ClientHello")
        }
        guard let compressions = reader.short(), !compressions.isEmpty else { return .malformed("the compressions of the ClientHello") }
        var hello = ClientHello(serverName: nil, protocols: [])
        if reader.isAtEnd { return .hello(hello) }
        guard let extensions = reader.long(), reader.isAtEnd else { return .malformed("the extensions of the ClientHello") }
        reader = ByteReader(extensions)
        var seen: Set<Int> = []
        while !reader.isAtEnd {
            guard let type = reader.uint16(), let data = reader.long() else { return .malformed("a cut extension") }
            // Readers differ in which of two they take.
            guard seen.insert(type).inserted else { return .malformed("extension \(type) twice") }
            switch type {
            case 0:
                guard let name = parseServerName(data) else { return .malformed("the server name") }
                hello.serverName = name
            case 16:
                guard let protocols = parseProtocols(data) else { return .malformed("the application protocols") }
                hello.protocols = protocols
            default: break
            }
        }
        return .hello(hello)
    }

    /// Exactly one entry of type host_name: the list was meant for more, and readers differ in which one they take.
    private static func parseServerName(_ data: ArraySlice<UInt8>) -> [UInt8]? {
        var reader = ByteReader(data)
        guard let list = reader.long(), reader.isAtEnd else { return nil }
        reader = ByteReader(list)
        guard reader.byte() == 0, let name = reader.long(), reader.isAtEnd, !name.isEmpty, name.count <= 255 else { return nil }
        return Array(name)
    }

    private static func parseProtocols(_ data: ArraySlice<UInt8>) -> [[UInt8]]? {
        var reader = ByteReader(data)
        guard let list = reader.long(), reader.isAtEnd, !list.isEmpty else { return nil }
        reader = ByteReader(list)
        var result: [[UInt8]] = []
        while !reader.isAtEnd {
            guard let name = reader.short(), !name.isEmpty else { return nil }
            result.append(Array(name))
        }
        return result
    }
}
