/// One step of a packet filter rule: an instruction of nf_tables on its registers (linux/netfilter/nf_tables.h).
public enum PacketExpression: Sendable, Hashable {
    /// Where a value in a packet is counted from.
    public enum PayloadBase: UInt32, Sendable {
        case network = 1
        case transport = 2
    }

    /// A property of the packet that is not in its bytes.
    public enum MetaKey: UInt32, Sendable {
        /// The address family, one byte: 2 for IPv4, 10 for IPv6.
        case networkProtocol = 15
        /// The protocol above IP, one byte.
        case transportProtocol = 16
    }

    /// Loads a property of the packet.
    case meta(MetaKey)
    /// Loads bytes of the packet.
    case payload(PayloadBase, offset: UInt32, length: UInt32)
    /// Goes on with the rule only if the register holds these bytes.
    case equals([UInt8])
    /// Loads the status bits of the packet's connection (IPS_* of linux/netfilter/nf_conntrack_common.h).
    case connectionStatus
    /// Keeps these bits of the register, a number in the processor's order.
    case masked(UInt32)
    /// Loads these bytes.
    case load([UInt8])
    /// Ends the chain: the packet goes on.
    case accept
    /// Sends the connection to the port in the register, on this machine.
    case redirect
    /// Answers with a TCP reset, and drops.
    case resetConnection
    /// Answers with "port unreachable" of ICMP or ICMPv6, and drops.
    case answerUnreachable

    /// The kernel's name of the instruction.
    public var name: String {
        switch self {
        case .meta: "meta"
        case .payload: "payload"
        case .equals: "cmp"
        case .connectionStatus: "ct"
        case .masked: "bitwise"
        case .load, .accept: "immediate"
        case .redirect: "redir"
        case .resetConnection, .answerUnreachable: "reject"
        }
    }

    /// The register that values go through, by its 16-byte name, which is how the kernel reports it back. Register 0 takes
    /// the verdict.
    private static let register: UInt32 = 1
    private static let verdictRegister: UInt32 = 0

    /// As an element of a rule's list.
    func write(to writer: inout NetlinkWriter) {
        writer.nested(1) { element in
            element.attribute(1, text: name)
            element.nested(2) { writeData(to: &$0) }
        }
    }

    private func writeData(to data: inout NetlinkWriter) {
        let register = PacketExpression.register
        switch self {
        case .meta(let key):
            data.attribute(2, bigEndian: key.rawValue)
            data.attribute(1, bigEndian: register)
        case .payload(let base, let offset, let length):
            data.attribute(1, bigEndian: register)
            data.attribute(2, bigEndian: base.rawValue)
            data.attribute(3, bigEndian: offset)
            data.attribute(4, bigEndian: length)
        case .equals(let bytes):
            data.attribute(1, bigEndian: register)
            // NFT_CMP_EQ
            data.attribute(2, bigEndian: 0)
            data.nested(3) { $0.attribute(1, bytes: bytes) }
        case .connectionStatus:
            // NFT_CT_STATUS
            data.attribute(2, bigEndian: 2)
            data.attribute(1, bigEndian: register)
        case .masked(let mask):
            data.attribute(1, bigEndian: register)
            data.attribute(2, bigEndian: register)
            data.attribute(3, bigEndian: 4)
            data.nested(4) { $0.attribute(1, native: mask) }
            data.nested(5) { $0.attribute(1, native: 0) }
        case .load(let bytes):
            data.attribute(1, bigEndian: register)
            data.nested(2) { $0.attribute(1, bytes: bytes) }
        case .accept:
            data.attribute(1, bigEndian: PacketExpression.verdictRegister)
            // NF_ACCEPT
            data.nested(2) { $0.nested(2) { $0.attribute(1, bigEndian: 1) } }
        case .redirect:
            data.attribute(1, bigEndian: register)
            data.attribute(2, bigEndian: register)
            // NF_NAT_RANGE_PROTO_SPECIFIED
            data.attribute(3, bigEndian: 2)
        case .resetConnection:
            // NFT_REJECT_TCP_RST
            data.attribute(1, bigEndian: 1)
        case .answerUnreachable:
            // NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_PORT_UNREACH
            data.attribute(1, bigEndian: 2)
            data.attribute(2, bytes: [1])
        }
    }
}
