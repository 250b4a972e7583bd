import Certificates
import Crypto
import Glibc
import NIOSSL

/// Certificates for the tests' servers, and a sandbox's authority.
struct TestAuthority {
    let authority: CertificateAuthority
    let certificate: [UInt8]
    let privateKey: [UInt8]

    init(_ name: String = "Coop test authority") throws {
        (certificate, privateKey) = try CertificateAuthority.make(commonName: name, now: Int64(time(nil)))
        authority = try CertificateAuthority(certificate: certificate, privateKey: privateKey)
    }

    /// A server's context with a certificate for `name`, made as if it were `age` seconds ago.
    func context(
        name: String = "api.example.com", age: Int64 = 0, days: Int64 = 30, protocols: [String] = ["h2", "http/1.1"]
    ) throws -> NIOSSLContext {
        let key = P256.Signing.PrivateKey()
        let der = try authority.issue(name: name, publicKey: key.publicKey, now: Int64(time(nil)) - age, days: days)
        return try Self.context(
            [NIOSSLCertificate(bytes: der, format: .der)], NIOSSLPrivateKey(bytes: Array(key.derRepresentation), format: .der), protocols)
    }

    static func context(_ pem: (certificate: String, key: String)) throws -> NIOSSLContext {
        try context(
            NIOSSLCertificate.fromPEMBytes(Array(pem.certificate.utf8)), NIOSSLPrivateKey(bytes: Array(pem.key.utf8), format: .pem),
            ["http/1.1"])
    }

    static func context(_ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey, _ protocols: [String]) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.applicationProtocols = protocols
        return try NIOSSLContext(configuration: configuration)
    }
}
