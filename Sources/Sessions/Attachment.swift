import CLinux
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// One client that sees a session's terminal, as the supervisor knows it. What the client cannot take yet waits here, up to a limit; beyond
/// it the connection is closed, and the client draws the screen anew from the log: a slow reader neither slows the session nor misses anything.
final class Attachment {
    /// So many bytes wait for a client at most.
    static let patience = 1 << 20

    let isReadOnly: Bool
    var rows: UInt16
    var columns: UInt16
    let send: (Frame, [Descriptor]) throws -> Void
    private let loop: EventLoop
    private let keys: ([UInt8]) throws -> Void
    private var socket: Descriptor?
    private var pending: [UInt8] = []
    private var isWriting = false
    /// Whether the client was too slow, and has not asked for the stream anew since.
    private(set) var isBehind = false

    /// - Parameter keys: takes what the client types.
    init(
        rows: UInt16, columns: UInt16, isReadOnly: Bool, loop: EventLoop, send: @escaping (Frame, [Descriptor]) throws -> Void,
        keys: @escaping ([UInt8]) throws -> Void
    ) {
        self.rows = rows
        self.columns = columns
        self.isReadOnly = isReadOnly
        self.loop = loop
        self.send = send
        self.keys = keys
    }

    /// Begins a stream to the client.
    ///
    /// - Returns: the client's end.
    func open() throws(SystemError) -> Descriptor {
        close()
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        let own = Descriptor(owning: ends[0])
        let theirs = Descriptor(owning: ends[1])
        try check("fcntl") { fcntl(own.number, F_SETFL, O_NONBLOCK) }
        socket = own
        isBehind = false
        loop.watch(own.number) { [unowned self] _ in try self.read() }
        return theirs
    }

    /// Ends the stream; what waits is dropped.
    func close() {
        guard let socket else { return }
        loop.unwatch(socket.number)
        loop.unwatch(socket.number, events: Int16(POLLOUT))
        self.socket = nil
        pending = []
        isWriting = false
    }

    func show(_ bytes: [UInt8]) {
        guard socket != nil else { return }
        guard pending.count + bytes.count <= Attachment.patience else {
            isBehind = true
            return close()
        }
        pending += bytes
        if !isWriting { write() }
    }

    private func write() {
        guard let socket else { return }
        while !pending.isEmpty {
            let count = pending.withUnsafeBytes { Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0 {
                if errno == EINTR { continue }
                guard errno == EAGAIN else { return close() }
                if !isWriting {
                    isWriting = true
                    loop.watch(socket.number, events: Int16(POLLOUT)) { [unowned self] _ in self.write() }
                }
                return
            }
            pending.removeFirst(count)
        }
        if isWriting {
            isWriting = false
            loop.unwatch(socket.number, events: Int16(POLLOUT))
        }
    }

    private func read() throws {
        guard let socket else { return }
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = Glibc.read(socket.number, &buffer, buffer.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        guard count > 0 else { return close() }
        // Whoever only looks on has no keys, whatever it sends.
        if !isReadOnly { try keys(Array(buffer[..<count])) }
    }

    /// Stops or goes on taking keys, while the terminal is full.
    func takeKeys(_ isOn: Bool) {
        guard let socket else { return }
        if isOn { loop.watch(socket.number) { [unowned self] _ in try self.read() } } else { loop.unwatch(socket.number) }
    }

    /// What the client has not taken yet of a stream that is over, as a file (memfd_create(2)): so nobody has to wait for the client.
    ///
    /// - Returns: nil where the client has it all.
    func rest() throws(SystemError) -> Descriptor? {
        write()
        guard socket != nil, !pending.isEmpty else { return nil }
        let file = try Descriptor.memory(pending)
        pending = []
        write()
        return file
    }
}
