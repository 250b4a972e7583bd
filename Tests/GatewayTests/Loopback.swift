import CLinux
import Glibc
import LinuxKernel

/// Sockets on loopback, with a deadline of a minute on every wait.
enum Loopback {
    static let streamType = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    static let datagramType = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

    private static func withAddress<Result>(port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    private static func setTimeouts(_ socket: Descriptor) {
        var time = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(socket.number, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket.number, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    /// A listening socket on a free port.
    static func listen(backlog: Int32 = 4096) throws -> Descriptor {
        let listener = Descriptor(owning: try check("socket") { socket(AF_INET, streamType, 0) })
        try check("bind") { withAddress(port: 0) { bind(listener.number, $0, $1) } }
        try check("listen") { Glibc.listen(listener.number, backlog) }
        return listener
    }

    /// A bound UDP socket on a free port.
    static func datagram() throws -> Descriptor {
        let number = Descriptor(owning: try check("socket") { socket(AF_INET, datagramType, 0) })
        try check("bind") { withAddress(port: 0) { bind(number.number, $0, $1) } }
        setTimeouts(number)
        return number
    }

    static func port(of socket: Descriptor) throws -> UInt16 {
        var address: UInt32 = 0
        var port: UInt16 = 0
        try check("getsockname") { coop_local_address(socket.number, &address, &port) }
        return port
    }

    static func connect(_ port: UInt16) throws -> Descriptor {
        let client = Descriptor(owning: try check("socket") { socket(AF_INET, streamType, 0) })
        setTimeouts(client)
        try check("connect") { withAddress(port: port) { Glibc.connect(client.number, $0, $1) } }
        _ = coop_no_delay(client.number)
        return client
    }

    static func connectDatagram(_ port: UInt16) throws -> Descriptor {
        let client = try datagram()
        try check("connect") { withAddress(port: port) { Glibc.connect(client.number, $0, $1) } }
        return client
    }

    static func accept(_ listener: Descriptor) throws -> Descriptor {
        var waiting = pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, 60_000) == 1 else { throw SystemError("accept", errno: ETIMEDOUT) }
        let socket = Descriptor(owning: try check("accept") { coop_accept(listener.number) })
        setTimeouts(socket)
        _ = coop_no_delay(socket.number)
        return socket
    }
}

extension Descriptor {
    /// Sends everything; an error for a peer that has gone, and no signal.
    func sendAll(_ bytes: some Collection<UInt8>) throws {
        let data = Array(bytes)
        var done = 0
        while done < data.count {
            done += try check("send") {
                data.withUnsafeBytes { send(number, $0.baseAddress.map { $0 + done }, data.count - done, Int32(MSG_NOSIGNAL)) }
            }
        }
    }

    /// Receives what is there, waiting for the first byte; empty at the end of the stream.
    func receiveSome(_ limit: Int = 65536) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = try check("recv") { recv(number, &buffer, limit, 0) }
        return Array(buffer.prefix(count))
    }

    /// Receives exactly so many bytes; fewer only at the end of the stream.
    func receive(_ count: Int) throws -> [UInt8] {
        var result: [UInt8] = []
        while result.count < count {
            let piece = try receiveSome(min(65536, count - result.count))
            if piece.isEmpty { break }
            result += piece
        }
        return result
    }

    func receiveToEnd() throws -> [UInt8] {
        var result: [UInt8] = []
        while true {
            let piece = try receiveSome()
            if piece.isEmpty { return result }
            result += piece
        }
    }

    /// Waits for the end of the connection: true for a reset, false for an orderly end.
    func isReset() throws -> Bool {
        do {
            _ = try receiveToEnd()
            return false
        } catch let error as SystemError where error.errno == ECONNRESET { return true }
    }

    func finishSending() throws { try check("shutdown") { shutdown(number, Int32(SHUT_WR)) } }
}
