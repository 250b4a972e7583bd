import Glibc
import LinuxKernel
import NIOConcurrencyHelpers
import NIOPosix
import TestSupport

/// A server that reads one head on each connection, writes what it was told to, and closes: the last script again and again.
final class ScriptedServer: Sendable {
    let port: Int
    /// What came in, one text for each connection.
    var received: [String] { log.withLockedValue { $0 } }
    private let log = NIOLockedValueBox<[String]>([])
    private let listener: Descriptor
    private let pool = NIOThreadPool(numberOfThreads: 1)

    /// - Parameters:
    ///   - body: what follows each script.
    ///   - resets: whether connections end with a reset.
    init(_ scripts: [String], body: [UInt8] = [], resets: Bool = false) throws {
        let listener = try Loopback.listen()
        self.listener = listener
        port = try Loopback.port(listener)
        let log = self.log
        pool.start()
        pool.submit { _ in
            var turn = 0
            while true {
                let number = listener.acceptedNumber()
                if number < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard number >= 0 else { return }
                let client = RawClient(Descriptor(owning: number))
                let head = client.read(until: "\r\n\r\n")
                log.withLockedValue { $0.append(head) }
                try? client.send(Array(scripts[min(turn, scripts.count - 1)].utf8) + body)
                turn += 1
                if resets {
                    client.reset()
                } else {
                    // Closing with unread bytes would be a reset.
                    client.endInput()
                    _ = client.readAll()
                }
            }
        }
    }

    deinit {
        shutdown(listener.number, Int32(SHUT_RDWR))
        try? pool.syncShutdownGracefully()
    }
}
