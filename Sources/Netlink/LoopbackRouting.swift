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
    private static let (routeHeader, addressHeader) = (12, 8)
    private static let loopback6 = [UInt8](repeating: 0, count: 15) + [1]

    /// Gives the device a further IPv4 address, and IPv4 a default route by it: programs find a way to every address, with this
    /// source.
    public static func install(address: [UInt8], _ socket: NetlinkSocket) throws(NetlinkError) {
        let flags = NetlinkFlags.create | NetlinkFlags.exclusive | NetlinkFlags.acknowledge
        var messages = NetlinkWriter()
        // Prefix 32, scope universe.
        let addressFields = [inet, 32, 0, 0] + withUnsafeBytes(of: device, Array.init)
        messages.message(type: newAddress, flags: flags, header: addressFields, subject: "address of lo") { writer in
            writer.attribute(2, bytes: address)
            writer.attribute(1, bytes: address)
        }
        let routeFields = [inet, 0, 0, 0, mainTable, staticProtocol, linkScope, unicast, 0, 0, 0, 0]
        messages.message(type: newRoute, flags: flags, header: routeFields, subject: "default route") { writer in
            writer.attribute(4, native: device)
            writer.attribute(7, bytes: address)
        }
        try socket.perform(messages, acknowledgements: 2)
    }

    /// Compares the kernel's own report with what `install` leaves behind in an otherwise fresh namespace.
    ///
    /// - Returns: the first difference in words; nil when there is none.
    public static func difference(address: [UInt8], _ socket: NetlinkSocket) throws(NetlinkError) -> String? {
        // Of every family.
        var routes = NetlinkWriter()
        routes.message(
            type: listRoutes, flags: NetlinkFlags.dump, header: [UInt8](repeating: 0, count: routeHeader), subject: "list of routes")
        var addresses = NetlinkWriter()
        addresses.message(
            type: listAddresses, flags: NetlinkFlags.dump, header: [UInt8](repeating: 0, count: addressHeader),
            subject: "list of addresses")
        return try difference(address: address, routes: socket.list(routes), addresses: socket.list(addresses))
    }

    /// The comparison itself, on the kernel's answers.
    public static func difference(
        address: [UInt8], routes: NetlinkMessages, addresses: NetlinkMessages
    ) throws(NetlinkError) -> String? {
        if let difference = try differenceOfRoutes(address, routes) { return difference }
        return try differenceOfAddresses(address, addresses)
    }

    private static func differenceOfRoutes(_ address: [UInt8], _ routes: NetlinkMessages) throws(NetlinkError) -> String? {
        let deviceBytes = withUnsafeBytes(of: device, Array.init)
        var defaults = 0
        for route in routes.list {
            let header = Array(try routes.header(route, size: routeHeader))
            let range = try routes.attributes(route, after: routeHeader)
            func value(_ type: UInt16) throws(NetlinkError) -> [UInt8]? { try routes.content(type, in: range).map { Array($0) } }
            guard try value(4) == deviceBytes else { return "a route by another device" }
            // What the kernel itself makes for the device's own addresses.
            if header[4] == localTable { continue }
            if header[0] == inet6, header[1] == 128, try value(1) == loopback6 { continue }
            // No destination and no gateway, and this source.
            guard header[0] == inet, header[1] == 0, header[4] == mainTable, header[7] == unicast, try value(1) == nil,
                try value(5) == nil, try value(7) == address
            else { return "a route that is not planned" }
            defaults += 1
        }
        return defaults == 1 ? nil : "\(defaults) default routes"
    }

    private static func differenceOfAddresses(_ address: [UInt8], _ addresses: NetlinkMessages) throws(NetlinkError) -> String? {
        let deviceBytes = withUnsafeBytes(of: device, Array.init)
        var own = 0
        for entry in addresses.list {
            let header = Array(try addresses.header(entry, size: addressHeader))
            guard header[4..<8].elementsEqual(deviceBytes) else { return "an address of another device" }
            let content = try addresses.content(1, in: addresses.attributes(entry, after: addressHeader)).map { Array($0) }
            switch (header[0], header[1], content) {
            case (inet, 8, [127, 0, 0, 1]), (inet6, 128, loopback6): continue
            case (inet, 32, address): own += 1
            default: return "an address that is not planned"
            }
        }
        return own == 1 ? nil : "\(own) addresses of the gateway's network"
    }
}
