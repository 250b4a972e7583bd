import GatewayProtocol

/// The synthetic addresses that stand for names: each is given to one name only, as long as the table lives.
public struct NameTable {
    /// 198.18.0.0/15, the block for benchmarks of networks (RFC 2544): never in use on the Internet.
    static let block = IPv4Address(198, 18, 0, 0)
    static let mask: UInt32 = 0xFFFE_0000
    /// The addresses at its beginning that are the sandbox's own: its address on `lo`, and that of its name server.
    static let reserved: UInt32 = 256

    private var addresses: [String: IPv4Address] = [:]
    private var names: [String] = []
    private let limit: Int

    /// - Parameter limit: how many names get an address; at most as many as the block has.
    public init(limit: Int) { self.limit = min(limit, Int(~NameTable.mask - NameTable.reserved) + 1) }

    /// Whether an address is of the synthetic block.
    public static func isSynthetic(_ address: IPv4Address) -> Bool { address.value & mask == block.value }

    /// The address of a name, the same each time; nil when the table is full.
    public mutating func address(of name: String) -> IPv4Address? {
        if let known = addresses[name] { return known }
        guard names.count < limit else { return nil }
        let address = IPv4Address(NameTable.block.value + NameTable.reserved + UInt32(names.count))
        names.append(name)
        addresses[name] = address
        return address
    }

    /// The name that an address was given to.
    public func name(of address: IPv4Address) -> String? {
        guard NameTable.isSynthetic(address), address.value - NameTable.block.value >= NameTable.reserved else { return nil }
        let index = Int(address.value - NameTable.block.value - NameTable.reserved)
        return index < names.count ? names[index] : nil
    }

    public var count: Int { names.count }
}
