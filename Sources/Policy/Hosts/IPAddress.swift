/// An IPv4 or IPv6 address.
///
/// An IPv4 address and its mapped form `::ffff:a.b.c.d` are one and the same value, because the kernel connects both to
/// the same host.
public struct IPAddress: Sendable, Hashable {
    /// The 128 bits in the order of the network; an IPv4 address as `::ffff:a.b.c.d` (RFC 4291, section 2.5.5.2).
    public let bits: UInt128

    public init(bits: UInt128) { self.bits = bits }

    /// An IPv4 address, its first byte highest.
    public init(v4: UInt32) { bits = 0xFFFF_0000_0000 | UInt128(v4) }

    public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        self.init(v4: UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d))
    }

    /// The bytes of an `in_addr` (4) or `in6_addr` (16); nil for any other number of bytes.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self.init(v4: bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16: self.init(bits: bytes.reduce(0) { $0 << 8 | UInt128($1) })
        default: return nil
        }
    }

    /// The IPv4 address, first byte highest; nil for IPv6.
    public var v4: UInt32? { bits >> 32 == 0xFFFF ? UInt32(truncatingIfNeeded: bits) : nil }

    /// The bytes in the order of the network: 4 for IPv4, 16 for IPv6.
    public var bytes: [UInt8] {
        let count = v4 == nil ? 16 : 4
        return (0..<count).map { UInt8(truncatingIfNeeded: bits >> UInt128(8 * (count - 1 - $0))) }
    }
}

extension IPAddress: Comparable {
    public static func < (left: IPAddress, right: IPAddress) -> Bool { left.bits < right.bits }
}
