import Certificates
import NIOCore
import NIOSSL

/// The client side's TLS: the chain, the name, the dates and the usage are verified, and nothing weaker than TLS 1.2,
/// SHA-256 signatures and 2048-bit RSA keys is accepted. Confined to one event loop.
final class UpstreamTLS {
    private let roots: [NIOSSLCertificate]
    private var contexts: [ContextKey: NIOSSLContext] = [:]

    private struct ContextKey: Hashable {
        var offersHTTP2: Bool
        var validatesName: Bool
    }

    /// - Parameter roots: certificates, each PEM (one or many) or DER.
    /// - Throws: for bytes that hold no certificate.
    init(roots: [[UInt8]]) throws {
        self.roots = try roots.flatMap { bytes -> [NIOSSLCertificate] in
            bytes.first == 0x30 ? [try NIOSSLCertificate(bytes: bytes, format: .der)] : try NIOSSLCertificate.fromPEMBytes(bytes)
        }
    }

    /// A handler for one new connection.
    func handler(for connection: ConnectionInfo, offersHTTP2: Bool, verification: ChainVerification) throws -> NIOSSLClientHandler {
        let isAddress = IPv4Literal.bytes(connection.name) != nil
        // An address has no SNI (RFC 6066 §3); its certificate is compared by `verification`, because the socket's own peer
        // may be a corporate proxy.
        let context = try context(offersHTTP2: offersHTTP2, validatesName: !isAddress)
        let factory: any VerifyingHandlerMaking.Type = VerifyingHandlers.self
        return try factory.make(context: context, name: isAddress ? nil : connection.name, verification: verification)
    }

    private func context(offersHTTP2: Bool, validatesName: Bool) throws -> NIOSSLContext {
        let key = ContextKey(offersHTTP2: offersHTTP2, validatesName: validatesName)
        if let context = contexts[key] { return context }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.trustRoots = .certificates(roots)
        configuration.certificateVerification = validatesName ? .fullVerification : .noHostnameVerification
        configuration.applicationProtocols = offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        configuration.verifySignatureAlgorithms = [
            .ecdsaSecp256R1Sha256, .rsaPssRsaeSha256, .rsaPkcs1Sha256, .ecdsaSecp384R1Sha384, .rsaPssRsaeSha384, .rsaPkcs1Sha384,
            .ecdsaSecp521R1Sha512, .rsaPssRsaeSha512, .rsaPkcs1Sha512, .ed25519,
        ]
        let context = try NIOSSLContext(configuration: configuration)
        contexts[key] = context
        return context
    }
}
