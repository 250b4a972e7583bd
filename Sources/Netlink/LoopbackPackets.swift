/// How large the packets are that the loopback device carries (rtnetlink(7)).
public enum LoopbackPackets {
    /// `IFLA_GSO_IPV4_MAX_SIZE`, of Linux 6.3. Older headers do not have it.
    public static let sizeAttribute: UInt16 = 63
    /// What seven packets of the device's own MTU hold, in bytes. A packet has room for seventeen pieces of 32 KiB (`MAX_SKB_FRAGS`).
    public static let size: UInt32 = 7 << 16

    private static let setLink: UInt16 = 19
    /// The loopback device is the first one of every network namespace.
    private static let device: Int32 = 1

    /// Lets IPv4 packets be seven times as large as usual. What a stream costs within the namespace goes by packets: connection tracking,
    /// address translation and TCP itself look at each.
    ///
    /// - Throws: `NetlinkError.refused` where the kernel does not take it. An older one ignores it.
    public static func enlarge(_ socket: NetlinkSocket) throws(NetlinkError) {
        var message = NetlinkWriter(capacity: 64)
        // struct ifinfomsg: family, padding, type, index, flags, changed flags.
        let fields = [0, 0, 0, 0] + withUnsafeBytes(of: device, Array.init) + [UInt8](repeating: 0, count: 8)
        message.message(type: setLink, flags: NetlinkFlags.acknowledge, header: fields, subject: "packets of lo") { writer in
            writer.attribute(sizeAttribute, native: size)
        }
        try socket.perform(message, acknowledgements: 1)
    }
}
