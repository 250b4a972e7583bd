import Certificates
import Glibc
import NIOConcurrencyHelpers
import NIOSSL

/// Looks at every certificate of one handshake: refuses what is weak, and remembers why the TLS library refused.
final class ChainVerification: Sendable {
    private let failure = NIOLockedValueBox<String?>(nil)
    private let name: String

    init(name: String) { self.name = name }

    /// Why the chain was refused, when it was.
    var reason: String? { failure.withLockedValue { $0 } }

    func judge(_ result: NIOSSLVerificationResult, _ certificate: NIOSSLCertificate) -> NIOSSLVerificationResult {
        guard let facts = try? CertificateFacts(der: certificate.toDERBytes()) else { return refuse("a certificate that cannot be read") }
        if result == .failed { return refuse(Self.explain(facts, now: Int64(time(nil)))) }
        // A root's signature on itself proves nothing and may be old.
        if facts.hasWeakSignature, !facts.isSelfIssued { return refuse("a certificate is signed with a weak algorithm (MD5 or SHA-1)") }
        if let bits = facts.rsaBits, bits < 2048 { return refuse("a certificate has a weak key (RSA, \(bits) bits)") }
        return .certificateVerified
    }

    /// Why the name does not fit, when only that failed.
    static func nameMismatch(_ facts: CertificateFacts?, name: String) -> String {
        let names = (facts?.dnsNames ?? []).prefix(3).map { String($0.prefix(80)).filter { $0.isASCII && $0 > " " } }
        return names.isEmpty
            ? "the certificate is not for \(name)"
            : "the certificate is for \(names.joined(separator: ", ")), not for \(name)"
    }

    private func refuse(_ reason: String) -> NIOSSLVerificationResult {
        failure.withLockedValue { if $0 == nil { $0 = reason } }
        return .failed
    }

    private static func explain(_ facts: CertificateFacts, now: Int64) -> String {
        if now > facts.notAfter { return "a certificate expired on \(CertificateFacts.date(facts.notAfter))" }
        if now < facts.notBefore { return "a certificate is not valid before \(CertificateFacts.date(facts.notBefore))" }
        if !facts.allowsServerAuthentication { return "the certificate is not for TLS servers (key usage)" }
        if facts.isSelfIssued { return "the certificate is self-signed or its root is not trusted" }
        return
            "the certificate was issued by \(facts.issuerCommonName.isEmpty ? "an unnamed issuer" : facts.issuerCommonName), which is not trusted, or its chain is not valid"
    }
}
