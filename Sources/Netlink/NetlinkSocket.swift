import CLinux
import Glibc
import LinuxKernel

/// A socket to one part of the kernel (netlink(7)), for requests that are answered at once.
public struct NetlinkSocket {
    /// NETLINK_ROUTE and NETLINK_NETFILTER.
    public enum Family: Int32, Sendable {
        case route = 0
        case netfilter = 12
    }

    private let socket: Descriptor
    private var sequence: UInt32 = 1

    public init(_ family: Family) throws(NetlinkError) {
        let number = coop_netlink_open(family.rawValue)
        guard number >= 0 else { throw .system(SystemError("socket", "netlink \(family)")) }
        socket = Descriptor(owning: number)
    }

    /// Sends the messages in one piece and waits until the last one that asks for it is acknowledged.
    ///
    /// - Throws: `NetlinkError.refused` with the subject of the message that the kernel did not accept. Of a netfilter batch
    ///   nothing has then taken effect.
    public mutating func perform(_ messages: [NetlinkMessage]) throws(NetlinkError) {
        guard let last = messages.lastIndex(where: { $0.flags & NetlinkMessage.acknowledge != 0 }) else { return }
        let first = try send(messages)
        var isDone = false
        while !isDone {
            for answer in try receive() {
                let index = Int(answer.sequence &- first)
                guard messages.indices.contains(index), let number = try answer.errorNumber() else { continue }
                if number != 0 { throw .refused(subject: messages[index].subject, errno: number) }
                if index == last { isDone = true }
            }
        }
    }

    /// Sends a request for a list and returns what it holds.
    public mutating func list(_ message: NetlinkMessage) throws(NetlinkError) -> [NetlinkAnswer] {
        let sequence = try send([message])
        var result: [NetlinkAnswer] = []
        while true {
            for answer in try receive() where answer.sequence == sequence {
                if let number = try answer.errorNumber() {
                    if number != 0 { throw .refused(subject: message.subject, errno: number) }
                    return result
                }
                if answer.type == NetlinkMessage.doneType { return result }
                result.append(answer)
            }
        }
    }

    /// - Returns: the sequence number of the first message.
    private mutating func send(_ messages: [NetlinkMessage]) throws(NetlinkError) -> UInt32 {
        let first = sequence
        var bytes: [UInt8] = []
        for message in messages {
            message.append(to: &bytes, sequence: sequence)
            sequence &+= 1
        }
        let count = bytes.withUnsafeBytes { Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count == bytes.count else { throw .system(SystemError("send", "netlink", errno: count < 0 ? errno : EMSGSIZE)) }
        return first
    }

    private func receive() throws(NetlinkError) -> [NetlinkAnswer] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, filled in
            var count = 0
            // The whole length of a message that does not fit is reported, and is an error.
            repeat { count = recv(socket.number, buffer.baseAddress, buffer.count, Int32(MSG_TRUNC)) } while count < 0 && errno == EINTR
            if count < 0 { failure = errno }
            if count > buffer.count { failure = EMSGSIZE }
            filled = max(0, min(count, buffer.count))
        }
        guard failure == 0 else { throw .system(SystemError("recv", "netlink", errno: failure)) }
        guard !bytes.isEmpty else { throw .malformed("nothing") }
        return try NetlinkAnswer.parse(bytes)
    }
}
