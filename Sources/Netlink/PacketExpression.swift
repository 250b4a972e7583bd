/// One step of a packet filter rule: an instruction of nf_tables on its registers (linux/netfilter/nf_tables.h).
///
/// Registers are named by their 16-byte form, which is how the kernel reports them back.
public struct PacketExpression: Sendable, Hashable {
    /// The kernel's name of the instruction: `cmp`, `payload`, `redir`.
    public var name: String
    public var attributes: [NetlinkAttribute]

    /// The register that values go through. Register 0 takes the verdict.
    private static let register: UInt32 = 1
    private static let verdictRegister: UInt32 = 0

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

    public static func meta(_ key: MetaKey) -> PacketExpression {
        PacketExpression(
            name: "meta", attributes: [NetlinkAttribute(2, bigEndian: key.rawValue), NetlinkAttribute(1, bigEndian: register)])
    }

    public static func payload(_ base: PayloadBase, offset: UInt32, length: UInt32) -> PacketExpression {
        PacketExpression(
            name: "payload",
            attributes: [
                NetlinkAttribute(1, bigEndian: register), NetlinkAttribute(2, bigEndian: base.rawValue),
                NetlinkAttribute(3, bigEndian: offset), NetlinkAttribute(4, bigEndian: length),
            ])
    }

    /// Goes on with the rule only if the register holds these bytes.
    public static func equals(_ bytes: [UInt8]) -> PacketExpression {
        PacketExpression(
            name: "cmp",
            attributes: [
                NetlinkAttribute(1, bigEndian: register), NetlinkAttribute(2, bigEndian: 0),
                NetlinkAttribute(3, nested: [NetlinkAttribute(1, bytes: bytes)]),
            ])
    }

    /// The status bits of the packet's connection (IPS_* of linux/netfilter/nf_conntrack_common.h).
    public static var connectionStatus: PacketExpression {
        PacketExpression(name: "ct", attributes: [NetlinkAttribute(2, bigEndian: 2), NetlinkAttribute(1, bigEndian: register)])
    }

    /// Keeps these bits of the register, a number in the processor's order.
    public static func masked(_ mask: UInt32) -> PacketExpression {
        PacketExpression(
            name: "bitwise",
            attributes: [
                NetlinkAttribute(1, bigEndian: register), NetlinkAttribute(2, bigEndian: register), NetlinkAttribute(3, bigEndian: 4),
                NetlinkAttribute(4, nested: [NetlinkAttribute(1, native: mask)]),
                NetlinkAttribute(5, nested: [NetlinkAttribute(1, native: 0)]),
            ])
    }

    /// Loads bytes into the register.
    public static func load(_ bytes: [UInt8]) -> PacketExpression {
        PacketExpression(
            name: "immediate",
            attributes: [
                NetlinkAttribute(1, bigEndian: register), NetlinkAttribute(2, nested: [NetlinkAttribute(1, bytes: bytes)]),
            ])
    }

    /// Ends the chain: the packet goes on.
    public static var accept: PacketExpression {
        PacketExpression(
            name: "immediate",
            attributes: [
                NetlinkAttribute(1, bigEndian: verdictRegister),
                NetlinkAttribute(2, nested: [NetlinkAttribute(2, nested: [NetlinkAttribute(1, bigEndian: 1)])]),
            ])
    }

    /// Sends the connection to the port in the register, on this machine.
    public static var redirect: PacketExpression {
        // NF_NAT_RANGE_PROTO_SPECIFIED
        PacketExpression(
            name: "redir",
            attributes: [
                NetlinkAttribute(1, bigEndian: register), NetlinkAttribute(2, bigEndian: register), NetlinkAttribute(3, bigEndian: 2),
            ])
    }

    /// Answers with a TCP reset, and drops.
    public static var resetConnection: PacketExpression {
        PacketExpression(name: "reject", attributes: [NetlinkAttribute(1, bigEndian: 1)])
    }

    /// Answers with "port unreachable" of ICMP or ICMPv6, and drops.
    public static var answerUnreachable: PacketExpression {
        PacketExpression(name: "reject", attributes: [NetlinkAttribute(1, bigEndian: 2), NetlinkAttribute(2, bytes: [1])])
    }

    /// As an element of a rule's list.
    var element: NetlinkAttribute {
        NetlinkAttribute(1, nested: [NetlinkAttribute(1, text: name), NetlinkAttribute(2, nested: attributes)])
    }
}
