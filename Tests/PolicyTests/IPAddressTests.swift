import TestSupport
import Testing

@testable import Policy

@Suite("An IP address")
struct IPAddressTests {
    @Test(
        "is read in its usual forms and written in the canonical one",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
            ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("fe80::", "fe80::"), ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:c000:201", "192.0.2.1"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ])
    func forms(written: String, canonical: String) throws {
        let address = try #require(IPAddress(parsing: written))
        #expect(address.description == canonical)
        #expect(IPAddress(parsing: canonical) == address)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(
        "is not guessed from other forms",
        arguments: [
            "", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.4 ", " 1.2.3.4",
            "1.2.3.4.",
            "1..3.4", "+1.2.3.4", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::12345", "fe80::1%eth0", "[::1]",
            "::1.2.3", "1.2.3.4::",
            "::1.2.3.4:5", "1:2:3:4:5:6:7:8::", "g::", "::ffff:1.2.3.256", "::ffff:0x7f.0.0.1",
        ])
    func refused(written: String) { #expect(IPAddress(parsing: written) == nil) }

    @Test("is never crashed into")
    func fuzz() {
        var random = SeededGenerator(3)
        let alphabet = Array("0123456789abcdefx:.[]%".utf8)
        for _ in 0..<30_000 {
            let bytes = (0..<Int.random(in: 0...20, using: &random)).map { _ in random.pick(alphabet) }
            if let address = IPAddress(parsing: bytes) { #expect(IPAddress(parsing: address.description) == address) }
            let some = IPAddress(bits: UInt128(random.next()) << 64 | UInt128(random.next()))
            #expect(IPAddress(parsing: some.description) == some)
        }
    }

    @Test(
        "has a class",
        arguments: [
            ("8.8.8.8", AddressClass.public), ("10.255.0.1", .private), ("172.15.0.1", .public), ("172.16.0.1", .private),
            ("172.31.255.255", .private),
            ("172.32.0.1", .public), ("192.168.0.1", .private), ("127.0.0.1", .loopback), ("127.255.255.254", .loopback),
            ("0.0.0.0", .unspecified),
            ("0.1.2.3", .unspecified), ("169.254.1.1", .linkLocal), ("169.254.169.254", .metadata), ("169.254.170.2", .metadata),
            ("100.100.100.200", .metadata), ("168.63.129.16", .metadata), ("100.64.0.1", .carrierGrade), ("100.127.255.255", .carrierGrade),
            ("100.128.0.1", .public), ("224.0.0.1", .multicast), ("239.255.255.255", .multicast), ("240.0.0.1", .reserved),
            ("255.255.255.255", .broadcast),
            ("192.0.2.7", .documentation), ("198.51.100.7", .documentation), ("203.0.113.7", .documentation), ("198.18.0.1", .benchmarking),
            ("198.19.255.255", .benchmarking), ("198.20.0.1", .public), ("192.0.0.9", .reserved), ("192.88.99.1", .reserved),
            ("::", .unspecified),
            ("::1", .loopback), ("fe80::1", .linkLocal), ("febf::1", .linkLocal), ("fec0::1", .siteLocal), ("fc00::1", .uniqueLocal),
            ("fdff::1", .uniqueLocal), ("fd00:ec2::254", .metadata), ("ff02::1", .multicast), ("2001:db8::1", .documentation),
            ("3fff::1", .documentation),
            ("2001:2::1", .benchmarking), ("2001::1", .reserved), ("2001:4860:4860::8888", .public), ("2606:4700::1", .public),
            ("4000::1", .reserved),
            ("100::1", .reserved), ("5f00::1", .reserved), ("64:ff9b:1::1", .reserved), ("::ffff:10.0.0.1", .private),
            ("::ffff:169.254.169.254", .metadata),
            ("::10.0.0.1", .private), ("::8.8.8.8", .public), ("64:ff9b::10.0.0.1", .private), ("64:ff9b::169.254.169.254", .metadata),
            ("64:ff9b::8.8.8.8", .public), ("2002:7f00:1::", .loopback), ("2002:a9fe:a9fe::1", .metadata), ("2002:808:808::1", .public),
            ("::ffff:0:127.0.0.1", .loopback),
        ])
    func classes(written: String, expected: AddressClass) throws {
        #expect(AddressClass(try #require(IPAddress(parsing: written))) == expected)
    }

    @Test("of this machine is closed, and an explicit entry opens what is a host")
    func guardian() throws {
        let own = IPAddress(8, 8, 4, 4)
        let addressGuard = AddressGuard(own: [own])
        #expect(addressGuard.refusal(of: own) == .host)
        #expect(addressGuard.refusal(of: own, isExplicit: true) == nil)
        #expect(addressGuard.refusal(of: IPAddress(8, 8, 8, 8)) == nil)
        #expect(addressGuard.refusal(of: IPAddress(127, 0, 0, 1)) == .loopback)
        #expect(addressGuard.refusal(of: IPAddress(127, 0, 0, 1), isExplicit: true) == nil)
        #expect(addressGuard.refusal(of: IPAddress(169, 254, 169, 254), isExplicit: true) == .metadata)
        #expect(addressGuard.refusal(of: IPAddress(0, 0, 0, 0), isExplicit: true) == .unspecified)
    }
}
