import Certificates
import Crypto
import Glibc
import NIOSSL

/// The server side's TLS contexts, one per name, made on demand and kept in a bounded cache. Confined to one event loop.
final class LeafCertificates {
    private struct Entry {
        var context: NIOSSLContext
        var made: Int64
        var used: UInt64
    }

    private let authority: CertificateAuthority
    private let issuer: NIOSSLCertificate
    // One key for all leaves of this process: a new name then costs a signature, and nothing gains from more keys, which
    // would all lie in the same memory.
    private let key = P256.Signing.PrivateKey()
    private let privateKey: NIOSSLPrivateKey
    private var entries: [String: Entry] = [:]
    private var uses: UInt64 = 0
    private let capacity: Int

    init(authority: CertificateAuthority, capacity: Int = 512) throws {
        self.authority = authority
        self.capacity = capacity
        issuer = try NIOSSLCertificate(bytes: authority.certificate, format: .der)
        privateKey = try NIOSSLPrivateKey(bytes: Array(key.derRepresentation), format: .der)
    }

    /// How many contexts are kept; for tests.
    var count: Int { entries.count }

    /// The context of a server with this name.
    func context(for name: String, now: Int64 = Int64(time(nil))) throws -> NIOSSLContext {
        uses += 1
        // Made again every day: a sandbox may live longer than a certificate, or sleep.
        if let entry = entries[name], now - entry.made < 86400, now >= entry.made {
            entries[name]?.used = uses
            return entry.context
        }
        let leaf = try NIOSSLCertificate(bytes: authority.issue(name: name, publicKey: key.publicKey, now: now), format: .der)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(leaf), .certificate(issuer)], privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        configuration.certificateVerification = .none
        let context = try NIOSSLContext(configuration: configuration)
        if entries.count >= capacity, let oldest = entries.min(by: { $0.value.used < $1.value.used }) { entries[oldest.key] = nil }
        entries[name] = Entry(context: context, made: now, used: uses)
        return context
    }
}
