/// What an address is for, by the special-purpose registries of IANA (RFC 6890) and the providers' documentation.
///
/// Everything but `public` is closed in every mode: what listens there trusts whoever can reach it.
public enum AddressClass: String, Sendable, Hashable, CaseIterable, Codable {
    /// Reached through the internet.
    case `public`
    /// 10/8, 172.16/12, 192.168/16 (RFC 1918).
    case `private`
    /// 127/8, ::1.
    case loopback
    /// 169.254/16 (RFC 3927), fe80::/10.
    case linkLocal = "link-local"
    /// Where cloud machines get their credentials.
    case metadata
    /// 100.64/10, between a carrier and its customers (RFC 6598).
    case carrierGrade = "carrier-grade NAT"
    /// 224/4, ff00::/8.
    case multicast
    /// 255.255.255.255.
    case broadcast
    /// 0/8 and ::, which the kernel connects to this machine.
    case unspecified
    /// 192.0.2/24, 198.51.100/24, 203.0.113/24, 2001:db8::/32, 3fff::/20.
    case documentation
    /// 198.18/15 (RFC 2544), 2001:2::/48. Coop's own synthetic addresses are among them.
    case benchmarking
    /// fc00::/7 (RFC 4193).
    case uniqueLocal = "unique local"
    /// fec0::/10, deprecated by RFC 3879 and still routed inside some sites.
    case siteLocal = "site-local"
    /// Set aside for protocols, tunnels or the future.
    case reserved
    /// An address of this machine itself, found by its interfaces.
    case host

    /// The class of an address by its number alone. An address that carries an IPv4 address, as tunnels and translators
    /// use them (IPv4-mapped, IPv4-compatible, 6to4, NAT64), has the class of that one.
    public init(_ address: IPAddress) {
        if let v4 = address.v4 {
            self = AddressClass.v4(v4)
        } else {
            self = AddressClass.v6(address.bits)
        }
    }

    /// Whether an explicit entry of `[network.hosts]` may open an address of this class. The metadata services hand out
    /// the machine's own credentials, and the others are no hosts.
    public var mayBeOpened: Bool {
        switch self {
        case .metadata, .multicast, .broadcast, .unspecified: false
        default: true
        }
    }

    private static let metadataV4: Set<UInt32> = [
        0xA9FE_A9FE, // 169.254.169.254: most providers
        0xA9FE_AA02, // 169.254.170.2: Amazon's container credentials
        0xA9FE_AA17, // 169.254.170.23: Amazon's pod identity
        0xA9FE_0017, // 169.254.0.23: Tencent
        0x6464_64C8, // 100.100.100.200: Alibaba
        0xC000_00C0, // 192.0.0.192: Oracle
        0xA83F_8110, // 168.63.129.16: Azure's wire server, in public space
    ]

    private static let metadataV6: Set<UInt128> = [
        0xFD00_0EC2 << 96 | 0x254, // fd00:ec2::254: Amazon
        0xFD00_0EC2 << 96 | 0x23, // fd00:ec2::23: Amazon's pod identity
        0xFD20_00CE << 96 | 0x254, // fd20:ce::254: Google
        0xFD00_00C1 << 96 | 0xA9FE_A9FE, // fd00:c1::a9fe:a9fe: Oracle
    ]

    /// The IPv4 ranges, a narrower one before the wider that holds it.
    private static let rangesV4: [(network: UInt32, length: UInt32, class: AddressClass)] = [
        (0x0000_0000, 8, .unspecified), (0x0A00_0000, 8, .private), (0x6440_0000, 10, .carrierGrade), (0x7F00_0000, 8, .loopback),
        (0xA9FE_0000, 16, .linkLocal), (0xAC10_0000, 12, .private), (0xC000_0200, 24, .documentation), (0xC000_0000, 24, .reserved),
        (0xC058_6300, 24, .reserved), (0xC0A8_0000, 16, .private), (0xC612_0000, 15, .benchmarking), (0xC633_6400, 24, .documentation),
        (0xCB00_7100, 24, .documentation), (0xE000_0000, 4, .multicast), (0xFFFF_FFFF, 32, .broadcast), (0xF000_0000, 4, .reserved),
    ]

    /// The IPv6 ranges by their highest 64 bits.
    private static let rangesV6: [(network: UInt64, length: UInt64, class: AddressClass)] = [
        (0xFE80 << 48, 10, .linkLocal), (0xFEC0 << 48, 10, .siteLocal), (0xFC00 << 48, 7, .uniqueLocal), (0xFF00 << 48, 8, .multicast),
        (0x2001_0DB8 << 32, 32, .documentation), (0x3FFF << 48, 20, .documentation), (0x2001_0002_0000 << 16, 48, .benchmarking),
        // Teredo, ORCHID and other protocols (RFC 2928), whatever they carry.
        (0x2001 << 48, 23, .reserved),
    ]

    private static func v4(_ address: UInt32) -> AddressClass {
        if metadataV4.contains(address) { return .metadata }
        for range in rangesV4 where (address ^ range.network) >> (32 - range.length) == 0 { return range.class }
        return .public
    }

    private static func v6(_ bits: UInt128) -> AddressClass {
        if bits == 0 { return .unspecified }
        if bits == 1 { return .loopback }
        // IPv4-compatible (::a.b.c.d), NAT64 (64:ff9b::a.b.c.d, RFC 6052) and the stateless translation of RFC 2765.
        let upper = bits >> 32
        if upper == 0 || upper == UInt128(0x0064_FF9B) << 64 || upper == 0xFFFF_0000 { return v4(UInt32(truncatingIfNeeded: bits)) }
        // 6to4: 2002:aabb:ccdd::/48 (RFC 3056).
        if bits >> 112 == 0x2002 { return v4(UInt32(truncatingIfNeeded: bits >> 80)) }
        if metadataV6.contains(bits) { return .metadata }
        let high = UInt64(truncatingIfNeeded: bits >> 64)
        for range in rangesV6 where (high ^ range.network) >> (64 - range.length) == 0 { return range.class }
        // Only 2000::/3 has been given out for use on the internet.
        return high >> 61 == 1 ? .public : .reserved
    }
}
