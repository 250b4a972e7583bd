import CLinux
import Glibc
import LinuxKernel

/// One end of a stream of messages over a connected unix socket.
///
/// Not thread-safe: it belongs to the loop that reads it.
public final class MessageChannel<Incoming: WireMessage, Outgoing: WireMessage> {
    public let socket: Descriptor
    private var buffer: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 65536)
    private var received: [Descriptor] = []
    private var closed = false
    /// The largest frame that is accepted from the other side, in bytes.
    private let limit: Int

    public init(_ socket: Descriptor, limit: Int = Incoming.sizeLimit) {
        self.socket = socket
        self.limit = limit
    }

    /// Descriptors that have arrived ahead of the rest of their frame.
    public var waitingDescriptors: [Int32] { received.map(\.number) }

    /// Sends one frame with the descriptors that belong to it. Blocks while the socket's buffer is full.
    ///
    /// Takes the descriptors themselves and not their numbers: the optimiser lets go of an array after its last mention, and
    /// would close them before they are sent.
    public func send(_ frame: Outgoing, descriptors owners: [Descriptor] = []) throws(SystemError) {
        defer { withExtendedLifetime(owners) {} }
        let descriptors = owners.map(\.number)
        var bytes = frame.encoded(descriptors: descriptors.count)
        defer { if Outgoing.carriesSecrets { bytes.wipe() } }
        var done = 0
        while done < bytes.count {
            // The descriptors travel with the first byte.
            let attached = done == 0 ? descriptors : []
            let count = bytes.withUnsafeBytes { raw in
                attached.withUnsafeBufferPointer {
                    coop_send(socket.number, raw.baseAddress.map { $0 + done }, bytes.count - done, $0.baseAddress, Int32(attached.count))
                }
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError("sendmsg", "channel")
            }
            done += count
        }
    }

    /// Sends one frame, unless the other side has closed: it is then noticed by its end of file, which also brings what
    /// it said last.
    public func sendIfOpen(_ frame: Outgoing, descriptors: [Descriptor] = []) throws(SystemError) {
        do {
            try send(frame, descriptors: descriptors)
        } catch {
            if error.errno != EPIPE && error.errno != ECONNRESET { throw error }
        }
    }

    /// Reads once (waiting if nothing is there) and returns the frames that are then complete; nil at end of file.
    public func receive() throws -> [(frame: Incoming, descriptors: [Descriptor])]? {
        if closed { return nil }
        defer { if Incoming.carriesSecrets { chunk.wipe() } }
        var numbers = [Int32](repeating: -1, count: Int(COOP_MAX_DESCRIPTORS))
        var count: Int32 = 0
        var truncated: Int32 = 0
        var length: Int
        repeat {
            length = chunk.withUnsafeMutableBytes { coop_receive(socket.number, $0.baseAddress, $0.count, &numbers, &count, &truncated) }
        } while length < 0 && errno == EINTR
        let failure = errno
        for number in numbers.prefix(Int(count)) { received.append(Descriptor(owning: number)) }
        if length < 0 {
            if failure == EAGAIN { return [] }
            if failure == ECONNRESET { length = 0 } else { throw SystemError("recvmsg", "channel", errno: failure) }
        }
        if truncated != 0 { throw WireError("descriptors were lost on the way") }
        if length == 0 {
            closed = true
            if !buffer.isEmpty { throw WireError("the stream ends inside a frame") }
            return nil
        }
        buffer.append(contentsOf: chunk[0..<length])
        return try completeFrames()
    }

    private func completeFrames() throws(WireError) -> [(frame: Incoming, descriptors: [Descriptor])] {
        var result: [(frame: Incoming, descriptors: [Descriptor])] = []
        var start = 0
        while buffer.count - start >= 4 {
            let size = (0..<4).reduce(0) { $0 | Int(buffer[start + $1]) << (8 * $1) }
            guard size >= 2, size <= limit else { throw WireError("a frame of \(size) bytes") }
            guard buffer.count - start - 4 >= size else { break }
            var body = Array(buffer[start + 4..<start + 4 + size])
            defer { if Incoming.carriesSecrets { body.wipe() } }
            let (frame, expected) = try Incoming.decode(body)
            guard expected <= received.count else { throw WireError("a descriptor is missing") }
            result.append((frame, Array(received.prefix(expected))))
            received.removeFirst(expected)
            start += 4 + size
        }
        if Incoming.carriesSecrets {
            // What is left moves to memory of its own, so that nothing of the messages remains behind it.
            let rest = Array(buffer[start...])
            buffer.wipe()
            buffer = rest
        } else {
            buffer.removeFirst(start)
        }
        return result
    }
}
