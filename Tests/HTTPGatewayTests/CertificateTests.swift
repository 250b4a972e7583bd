import Certificates
import Crypto
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import HTTPGateway

/// What the sandbox's authority writes, read by another implementation, and what is read from hostile bytes.
@Suite struct CertificateTests {
    private static let openssl = access("/usr/bin/openssl", X_OK) == 0

    @Test("OpenSSL accepts a leaf in its strict mode and shows the right names and dates", .enabled(if: CertificateTests.openssl))
    func strict() throws {
        let authority = try TestAuthority()
        for name in ["api.example.com", "192.0.2.7", String(repeating: "a", count: 60) + ".example.com"] {
            let leaf = try authority.authority.issue(name: name, publicKey: P256.Signing.PrivateKey().publicKey, now: Int64(time(nil)))
            let directory = "/tmp/coop-leaf-\(getpid())"
            mkdir(directory, 0o700)
            defer {
                unlink(directory + "/ca.pem")
                unlink(directory + "/leaf.pem")
                rmdir(directory)
            }
            try Descriptor.open(directory + "/ca.pem", O_WRONLY | O_CREAT, mode: 0o600).writeAll(
                Array(PEM.encode(authority.certificate).utf8))
            try Descriptor.open(directory + "/leaf.pem", O_WRONLY | O_CREAT, mode: 0o600).writeAll(Array(PEM.encode(leaf).utf8))
            let check = name == "192.0.2.7" ? "-verify_ip" : "-verify_hostname"
            let verified = try ChildProcess.run(
                [
                    "/usr/bin/openssl", "verify", "-x509_strict", "-purpose", "sslserver", check, name, "-CAfile", directory + "/ca.pem",
                    directory + "/leaf.pem",
                ])
            #expect(verified.exitCode == 0, "\(verified)")
            let facts = try CertificateFacts(der: leaf)
            #expect(facts.allowsServerAuthentication && !facts.isSelfIssued && !facts.hasWeakSignature && facts.rsaBits == nil)
            #expect(facts.notBefore < Int64(time(nil)) - 86000 && facts.notAfter > Int64(time(nil)) + 29 * 86400)
            #expect(name == "192.0.2.7" ? facts.addresses == [[192, 0, 2, 7]] : facts.dnsNames == [name])
        }
    }

    @Test("a certificate never outlives its authority, and a key that is another's is refused")
    func bounds() throws {
        let (certificate, key) = try CertificateAuthority.make(commonName: "x", now: 1_700_000_000, days: 2)
        let authority = try CertificateAuthority(certificate: certificate, privateKey: key)
        let leaf = try CertificateFacts(
            der: authority.issue(name: "a.b", publicKey: P256.Signing.PrivateKey().publicKey, now: 1_700_000_000))
        #expect(leaf.notAfter == 1_700_000_000 + 2 * 86400)
        #expect(leaf.notBefore == 1_700_000_000 - 86400)
        let other = try CertificateAuthority.make(commonName: "y", now: 0)
        #expect(throws: (any Error).self) { try CertificateAuthority(certificate: certificate, privateKey: other.privateKey) }
    }

    @Test(
        "dates survive, before and after 2050",
        arguments: [0, 951_782_400, 1_709_164_799, 2_524_607_999, 2_524_608_000, 4_107_542_400] as [Int64])
    func dates(moment: Int64) throws {
        let (certificate, _) = try CertificateAuthority.make(commonName: "x", now: moment + 86400, days: 1)
        let facts = try CertificateFacts(der: certificate)
        #expect(facts.notBefore == moment)
        #expect(facts.notAfter == moment + 2 * 86400)
    }

    @Test("dates are written as people read them")
    func text() {
        #expect(CertificateFacts.date(951_782_400) == "2000-02-29")
        #expect(CertificateFacts.date(-1) == "1969-12-31")
    }

    @Test("leaves are kept, and no more than the cache may hold")
    func cache() throws {
        let leaves = try LeafCertificates(authority: TestAuthority().authority, capacity: 4)
        let first = try leaves.context(for: "a.example")
        #expect(try leaves.context(for: "a.example") === first)
        for index in 0..<10 {
            _ = try leaves.context(for: "b\(index).example")
            _ = try leaves.context(for: "a.example")
        }
        #expect(leaves.count == 4)
        #expect(try leaves.context(for: "a.example") === first)
        #expect(try leaves.context(for: "a.example", now: Int64(time(nil)) + 2 * 86400) !== first)
    }

    @Test("mutilated certificates are refused or read, never fatal")
    func fuzz() throws {
        var random = SeededGenerator(7)
        let good = try TestAuthority().certificate
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.removeLast(min(index, bytes.count - 1))
                }
                if bytes.isEmpty { bytes = [0x30] }
            }
            do { _ = try CertificateFacts(der: bytes) } catch { refused += 1 }
        }
        #expect(refused > 1000)
    }
}
