/// The client's side of SOCKS5 (RFC 1928), without authentication and with CONNECT only.
enum SOCKSReader {
    static let version: UInt8 = 5

    /// The reply field of the answer to a request (RFC 1928, 6).
    enum Reply: UInt8 {
        case succeeded = 0
        case failed = 1
        case notAllowed = 2
        case networkUnreachable = 3
        case hostUnreachable = 4
        case refused = 5
        case timedOut = 6
        case commandNotSupported = 7
        case addressNotSupported = 8

        /// The whole answer. The bound address says nothing, as its only use is the command BIND.
        var bytes: [UInt8] { [version, rawValue, 0, 1, 0, 0, 0, 0, 0, 0] }
    }

    enum Greeting: Hashable {
        /// The client can go without authentication. How many bytes it said that in.
        case accepted(length: Int)
        case incomplete
        /// It insists on a method that is not offered.
        case unacceptable
        case malformed
    }

    enum Request: Hashable {
        case connect(HostNames.Host, port: UInt16, length: Int)
        case incomplete
        case refused(Reply)
        case malformed
    }

    static let acceptance: [UInt8] = [version, 0]
    static let noMethod: [UInt8] = [version, 0xFF]

    static func readGreeting(_ bytes: ArraySlice<UInt8>) -> Greeting {
        var reader = ByteReader(bytes)
        guard let first = reader.byte() else { return .incomplete }
        guard first == version else { return .malformed }
        guard let count = reader.byte() else { return .incomplete }
        guard count > 0 else { return .malformed }
        guard let methods = reader.take(Int(count)) else { return .incomplete }
        return methods.contains(0) ? .accepted(length: 2 + Int(count)) : .unacceptable
    }

    static func readRequest(_ bytes: ArraySlice<UInt8>) -> Request {
        var reader = ByteReader(bytes)
        guard let first = reader.byte() else { return .incomplete }
        guard first == version else { return .malformed }
        guard let command = reader.byte(), let reserved = reader.byte(), let type = reader.byte() else { return .incomplete }
        guard reserved == 0 else { return .malformed }
        guard command == 1 else { return .refused(.commandNotSupported) }
        let host: ArraySlice<UInt8>
        switch type {
        case 1:
            guard let address = reader.take(4) else { return .incomplete }
            host = address
        case 3:
            guard let count = reader.byte() else { return .incomplete }
            guard let name = reader.take(Int(count)) else { return .incomplete }
            host = name
        default: return .refused(.addressNotSupported)
        }
        guard let port = reader.uint16() else { return .incomplete }
        guard port > 0 else { return .refused(.failed) }
        let length = reader.position - bytes.startIndex
        if type == 1 {
            let value = host.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return .connect(.address(.init(value)), port: UInt16(port), length: length)
        }
        guard let name = HostNames.host(host) else { return .refused(.failed) }
        return .connect(name, port: UInt16(port), length: length)
    }
}
