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
    /// The kernel makes a piece of a list no larger than this, and no message of ours is answered with more.
    private static let pieceSize = 16384

    public init(_ family: Family) throws(NetlinkError) {
        let number = coop_netlink_open(family.rawValue)
        guard number >= 0 else { throw .system(SystemError("socket", "netlink \(family)")) }
        socket = Descriptor(owning: number)
    }

    /// Sends the messages in one piece and waits until as many are acknowledged as ask for it.
    ///
    /// - Throws: `NetlinkError.refused` with the subject of the message that the kernel did not accept. Of a netfilter
    ///   transaction nothing has then taken effect.
    public func perform(_ messages: NetlinkWriter, acknowledgements: Int) throws(NetlinkError) {
        try send(messages)
        var missing = acknowledgements
        while missing > 0 {
            let answers = try receive()
            for answer in answers.list {
                guard let number = try answers.errorNumber(answer) else { continue }
                let index = Int(answer.sequence)
                if number != 0 {
                    throw .refused(subject: messages.subjects.indices.contains(index) ? messages.subjects[index] : "", errno: number)
                }
                missing -= 1
            }
        }
    }

    /// Sends a request for a list and returns what it holds.
    public func list(_ request: NetlinkWriter) throws(NetlinkError) -> NetlinkMessages {
        try send(request)
        var result: [UInt8] = []
        while true {
            let answers = try receive()
            for answer in answers.list {
                if let number = try answers.errorNumber(answer), number != 0 {
                    throw .refused(subject: request.subjects.first ?? "", errno: number)
                }
                guard answer.type != NetlinkFlags.doneType else {
                    result += answers.bytes[..<(answer.body.lowerBound - 16)]
                    return try NetlinkMessages(result)
                }
            }
            result += answers.bytes
        }
    }

    /// Takes away what is left of the answers to a request that was refused.
    private func forgetAnswers() {
        var byte: UInt8 = 0
        while recv(socket.number, &byte, 1, Int32(MSG_DONTWAIT)) >= 0 {}
    }

    private func send(_ messages: NetlinkWriter) throws(NetlinkError) {
        forgetAnswers()
        let count = messages.bytes.withUnsafeBytes { Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count == messages.bytes.count else { throw .system(SystemError("send", "netlink", errno: count < 0 ? errno : EMSGSIZE)) }
    }

    private func receive() throws(NetlinkError) -> NetlinkMessages {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: NetlinkSocket.pieceSize) { buffer, filled in
            var count = 0
            // The whole length of a message that does not fit is reported, and is an error.
            repeat { count = recv(socket.number, buffer.baseAddress, buffer.count, Int32(MSG_TRUNC)) } while count < 0 && errno == EINTR
            if count < 0 { failure = errno }
            if count > buffer.count { failure = EMSGSIZE }
            filled = max(0, min(count, buffer.count))
        }
        guard failure == 0 else { throw .system(SystemError("recv", "netlink", errno: failure)) }
        guard !bytes.isEmpty else { throw .malformed("nothing") }
        return try NetlinkMessages(bytes)
    }
}
