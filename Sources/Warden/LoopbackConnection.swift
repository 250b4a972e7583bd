import CLinux
import Glibc
import LinuxKernel

/// A connection to a server of the sandbox's own, made inside and handed out.
enum LoopbackConnection {
    struct Failure: Error { var errno: Int32 }

    /// Milliseconds that a server whose queue is full may take: the warden has more to do than to wait for it.
    private static let patience = 500

    /// Connects to the port at 127.0.0.1, else at ::1.
    static func open(port: UInt16) throws -> Descriptor {
        var failure = Failure(errno: ECONNREFUSED)
        for family in [AF_INET, AF_INET6] {
            let number = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard number >= 0 else { continue }
            let descriptor = Descriptor(owning: number)
            // SO_SNDTIMEO holds for connect(2) as well (socket(7)).
            var limit = timeval(tv_sec: 0, tv_usec: patience * 1000)
            setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            if connect(number, family, port) { return descriptor }
            if errno != ECONNREFUSED { failure.errno = errno }
        }
        throw failure
    }

    private static func connect(_ number: Int32, _ family: Int32, _ port: UInt16) -> Bool {
        if family == AF_INET {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            return connect(number, &address, MemoryLayout<sockaddr_in>.size)
        }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        address.sin6_addr = in6addr_loopback
        return connect(number, &address, MemoryLayout<sockaddr_in6>.size)
    }

    private static func connect(_ number: Int32, _ address: UnsafeMutableRawPointer, _ size: Int) -> Bool {
        Glibc.connect(number, address.assumingMemoryBound(to: sockaddr.self), socklen_t(size)) == 0
    }
}
