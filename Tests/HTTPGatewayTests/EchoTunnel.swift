import Glibc
import LinuxKernel
import NIOConcurrencyHelpers
import NIOPosix
import TestSupport

/// A server that accepts one WebSocket handshake and then sends back every byte.
final class EchoTunnel: Sendable {
    let port: Int
    /// The head of the handshake.
    var head: String { log.withLockedValue { $0 } }
    private let log = NIOLockedValueBox("")
    private let listener: Descriptor
    private let pool = NIOThreadPool(numberOfThreads: 1)

    init() throws {
        let listener = try Loopback.listen()
        self.listener = listener
        port = try Loopback.port(listener)
        let log = self.log
        pool.start()
        pool.submit { _ in
            let number = listener.acceptedNumber()
            guard number >= 0 else { return }
            let socket = Descriptor(owning: number)
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            var isOpen = false
            while true {
                let count = read(socket.number, &buffer, buffer.count)
                guard count > 0 else { return }
                bytes += buffer[0..<count]
                if !isOpen, let end = String(decoding: bytes, as: UTF8.self).range(of: "\r\n\r\n") {
                    let text = String(decoding: bytes, as: UTF8.self)
                    let head = String(text[..<end.upperBound])
                    log.withLockedValue { $0 = head }
                    bytes.removeFirst(head.utf8.count)
                    try? socket.writeAll(
                        Array(
                            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"
                                .utf8))
                    isOpen = true
                }
                if isOpen {
                    try? socket.writeAll(bytes)
                    bytes = []
                }
            }
        }
    }

    deinit {
        shutdown(listener.number, Int32(SHUT_RDWR))
        try? pool.syncShutdownGracefully()
    }
}
