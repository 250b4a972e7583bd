import Crypto

/// The certificate authority of one sandbox: it lives in memory, as long as the sandbox does.
public struct CertificateAuthority: Sendable {
    /// The CA certificate, DER.
    public let certificate: [UInt8]
    private let key: P256.Signing.PrivateKey
    private let facts: CertificateFacts

    /// An authority from what `make` gave.
    ///
    /// - Parameters:
    ///   - certificate: DER.
    ///   - privateKey: the 32 bytes of the P-256 scalar.
    /// - Throws: when the bytes are not a certificate or not a key, or do not belong together.
    public init(certificate: [UInt8], privateKey: [UInt8]) throws {
        key = try P256.Signing.PrivateKey(rawRepresentation: privateKey)
        facts = try CertificateFacts(der: certificate)
        self.certificate = certificate
        guard facts.publicKeyInfo == Array(key.publicKey.derRepresentation) else {
            throw CertificateError("the CA key is not the certificate's")
        }
    }

    /// Makes a new authority.
    ///
    /// - Parameters:
    ///   - commonName: what a person reads in a certificate viewer; at most 64 bytes (RFC 5280, ub-common-name).
    ///   - now: seconds since 1970.
    ///   - days: how long it is valid from `now`; it begins a day earlier, for clocks that disagree.
    /// - Returns: the certificate (DER) and the key (32 bytes), as `init` takes them.
    public static func make(commonName: String, now: Int64, days: Int64 = 365) throws -> (certificate: [UInt8], privateKey: [UInt8]) {
        let key = P256.Signing.PrivateKey()
        let name = try CertificateTemplate.name(commonName)
        let certificate = try CertificateTemplate(
            purpose: .authority, issuer: name, subject: name, publicKey: key.publicKey,
            authorityKeyIdentifier: CertificateTemplate.keyIdentifier(key.publicKey), notBefore: now - 86400,
            notAfter: now + days * 86400
        ).signed(by: key)
        return (certificate, Array(key.rawRepresentation))
    }

    /// Signs a server certificate.
    ///
    /// - Parameters:
    ///   - name: a lower-case host name, or an IPv4 address.
    ///   - publicKey: the server's key.
    ///   - now: seconds since 1970; the certificate begins a day earlier, for clocks that disagree.
    ///   - days: it ends with the authority at the latest.
    /// - Returns: DER.
    public func issue(
        name: String, publicKey: P256.Signing.PublicKey, now: Int64, days: Int64 = 30
    ) throws -> [UInt8] {
        try CertificateTemplate(
            purpose: .server(name: name), issuer: facts.subject,
            subject: CertificateTemplate.name(name.utf8.count <= 64 ? name : ""), publicKey: publicKey,
            authorityKeyIdentifier: facts.subjectKeyIdentifier, notBefore: now - 86400,
            notAfter: min(now + days * 86400, facts.notAfter)
        ).signed(by: key)
    }
}
