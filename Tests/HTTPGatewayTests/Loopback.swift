import Glibc
import LinuxKernel

/// TCP sockets on 127.0.0.1.
enum Loopback {
    static func listen() throws -> Descriptor {
        let socket = try make()
        var address = address(0)
        try check("bind") { withSockaddr(&address) { bind(socket.number, $0, $1) } }
        try check("listen") { Glibc.listen(socket.number, 4096) }
        return socket
    }

    static func connect(_ port: Int) throws -> Descriptor {
        let socket = try make()
        var address = address(port)
        try check("connect") { withSockaddr(&address) { Glibc.connect(socket.number, $0, $1) } }
        return socket
    }

    static func port(_ socket: Descriptor) throws -> Int {
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try check("getsockname") {
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket.number, $0, &length) }
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Two ends of one Unix stream.
    static func pair() throws -> (Descriptor, Descriptor) {
        var numbers: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &numbers) }
        return (Descriptor(owning: numbers[0]), Descriptor(owning: numbers[1]))
    }

    private static func make() throws -> Descriptor {
        Descriptor(owning: try check("socket") { socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) })
    }

    private static func address(_ port: Int) -> sockaddr_in {
        sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: UInt16(port).bigEndian, sin_addr: in_addr(s_addr: UInt32(0x7F00_0001).bigEndian),
            sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
    }

    private static func withSockaddr(_ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
