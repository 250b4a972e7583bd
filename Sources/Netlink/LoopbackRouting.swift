/// Addresses and routes of a network namespace that has nothing but its loopback device (rtnetlink(7)).
public enum LoopbackRouting {
    /// The loopback device is the first one of every network namespace.
    private static let device: UInt32 = 1
    private static let (newRoute, listRoutes): (UInt16, UInt16) = (24, 26)
    private static let (newAddress, listAddresses): (UInt16, UInt16) = (20, 22)
    // Fields of `struct rtmsg` and `struct ifaddrmsg`.
    private static let (inet, inet6): (UInt8, UInt8) = (2, 10)
    private static let (mainTable, localTable): (UInt8, UInt8) = (254, 255)
    private static let (staticProtocol, linkScope, unicast): (UInt8, UInt8, UInt8) = (4, 253, 1)

    /// Gives the device a further IPv4 address, and IPv4 a default route by it: programs find a way to every address, with this
    /// source.
    public static func install(address: [UInt8], _ socket: inout NetlinkSocket) throws(NetlinkError) {
        let flags = NetlinkMessage.create | NetlinkMessage.exclusive | NetlinkMessage.acknowledge
        try socket.perform([
            // Prefix 32, scope universe.
            NetlinkMessage(
                type: newAddress, flags: flags, header: [inet, 32, 0, 0] + withUnsafeBytes(of: device, Array.init),
                attributes: [NetlinkAttribute(2, bytes: address), NetlinkAttribute(1, bytes: address)], subject: "address of lo"),
            NetlinkMessage(
                type: newRoute, flags: flags, header: [inet, 0, 0, 0, mainTable, staticProtocol, linkScope, unicast, 0, 0, 0, 0],
                attributes: [NetlinkAttribute(4, native: device), NetlinkAttribute(7, bytes: address)], subject: "default route"),
        ])
    }

    /// Compares the kernel's own report with what `install` leaves behind in an otherwise fresh namespace.
    ///
    /// - Returns: the first difference in words; nil when there is none.
    public static func difference(address: [UInt8], _ socket: inout NetlinkSocket) throws(NetlinkError) -> String? {
        // Routes first of all families, then addresses.
        let routes = try socket.list(
            NetlinkMessage(
                type: listRoutes, flags: NetlinkMessage.dump, header: [UInt8](repeating: 0, count: 12), subject: "list of routes"))
        let addresses = try socket.list(
            NetlinkMessage(
                type: listAddresses, flags: NetlinkMessage.dump, header: [UInt8](repeating: 0, count: 8), subject: "list of addresses"))
        return try difference(address: address, routes: routes, addresses: addresses)
    }

    /// The comparison itself, on the answers.
    public static func difference(
        address: [UInt8], routes: [NetlinkAnswer], addresses: [NetlinkAnswer]
    ) throws(NetlinkError) -> String? {
        var defaults = 0
        for route in routes {
            let attributes = try route.attributes(after: 12)
            let header = Array(route.body.prefix(12))
            func value(_ type: UInt16) -> [UInt8]? { attributes.first { $0.type == type }.map { Array($0.content) } }
            guard value(4) == withUnsafeBytes(of: device, Array.init) else { return "a route by another device" }
            // What the kernel itself makes for the device's own addresses.
            if header[4] == localTable { continue }
            if header[0] == inet6, header[1] == 128, value(1) == [UInt8](repeating: 0, count: 15) + [1] { continue }
            guard header[0] == inet, header[1] == 0, header[4] == mainTable, header[7] == unicast, value(1) == nil, value(5) == nil,
                value(7) == address
            else { return "a route that is not planned" }
            defaults += 1
        }
        guard defaults == 1 else { return "\(defaults) default routes" }
        var own = 0
        for entry in addresses {
            let attributes = try entry.attributes(after: 8)
            let header = Array(entry.body.prefix(8))
            guard header[4..<8].elementsEqual(withUnsafeBytes(of: device, Array.init)) else { return "an address of another device" }
            let content = attributes.first { $0.type == 1 }.map { Array($0.content) }
            switch (header[0], header[1], content) {
            case (inet, 8, [127, 0, 0, 1]), (inet6, 128, [UInt8](repeating: 0, count: 15) + [1]): continue
            case (inet, 32, address): own += 1
            default: return "an address that is not planned"
            }
        }
        return own == 1 ? nil : "\(own) addresses of the gateway's network"
    }
}
