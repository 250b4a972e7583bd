import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel

/// A connection of the sandbox from its acceptance until its bytes are relayed or inspected.
final class ClientConnection {
    /// What the connection waits for.
    enum Stage {
        /// The first byte, which tells SOCKS5 from HTTP.
        case proxyChoice
        case socksGreeting
        case socksRequest
        case proxyRequest
        /// The supervisor's answer to a destination without a protocol.
        case proceeding
        /// The client's first bytes; `patient` where the client must speak first.
        case firstBytes(patient: Bool)
        /// The supervisor's verdict.
        case verdict
        /// The upstream socket of a connection that is passed or raw.
        case upstream
        /// Its socket belongs to the relay.
        case relaying
        /// Its socket belongs to the inspector.
        case inspecting
        /// DNS over TCP.
        case dns
        /// The client's end, after a last word to it: closing at once would reset the connection, and the word be lost.
        case draining(left: Int)
        case closed
    }

    let id: ConnectionID
    /// Nil once somebody else owns it.
    var socket: Descriptor?
    var stage: Stage
    var via: Via
    var destination: Destination?
    var port: UInt16 = 0
    /// The protocol as it was told to the supervisor.
    var spoken: ApplicationProtocol = .awaited
    /// The supervisor knows of it, and must hear of its end.
    var isOpened = false
    /// The client of a proxy still waits for the answer to its request.
    var owesReply = false
    /// The client has said its last.
    var hasFinished = false
    /// When the stage must be over, in milliseconds.
    var deadline: UInt64
    /// Bytes of DNS over TCP that are no whole query yet.
    var partialQuery: [UInt8] = []

    init(id: ConnectionID, socket: Descriptor, stage: Stage, via: Via, deadline: UInt64) {
        self.id = id
        self.socket = socket
        self.stage = stage
        self.via = via
        self.deadline = deadline
    }

    /// The bytes that have come and have not been taken, without taking them.
    ///
    /// - Returns: nil when the connection is broken. `ended` when the client has said its last.
    func peek(_ buffer: UnsafeMutableRawBufferPointer) -> (bytes: ArraySlice<UInt8>, ended: Bool)? {
        guard let socket else { return nil }
        while true {
            let count = coop_peek(socket.number, buffer.baseAddress, buffer.count)
            if count >= 0 { return (ArraySlice(UnsafeRawBufferPointer(rebasing: buffer[..<count])), count == 0) }
            if errno == EAGAIN { return ([], false) }
            if errno != EINTR { return nil }
        }
    }

    /// Takes bytes that `peek` has shown.
    func take(_ count: Int) -> Bool {
        guard let socket else { return false }
        var left = count
        var buffer = [UInt8](repeating: 0, count: min(count, 16384))
        while left > 0 {
            let taken = recv(socket.number, &buffer, min(left, buffer.count), Int32(MSG_DONTWAIT))
            if taken < 0, errno == EINTR { continue }
            guard taken > 0 else { return false }
            left -= taken
        }
        return true
    }

    /// Sends a short answer. False when the client does not take it, which a client that waits for it always does.
    func answer(_ bytes: [UInt8]) -> Bool {
        guard let socket else { return false }
        return bytes.withUnsafeBytes { coop_send_now(socket.number, $0.baseAddress, $0.count) } == bytes.count
    }
}
