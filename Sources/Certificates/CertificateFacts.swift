import SwiftASN1

/// What the gateway wants to know about a certificate (RFC 5280 §4.1), read from DER.
///
/// It says nothing about trust: the chain is verified by the TLS library. This explains its refusals and refuses weak ones.
public struct CertificateFacts: Sendable {
    /// The subject's and issuer's Name, DER.
    public let subject: [UInt8]
    public let issuer: [UInt8]
    /// The serial number with its tag and length, DER.
    public let serialNumber: [UInt8]
    /// Seconds since 1970.
    public let notBefore: Int64
    public let notAfter: Int64
    /// The last common name of the issuer, for messages; printable ASCII only.
    public let issuerCommonName: String
    /// SubjectPublicKeyInfo, DER.
    public let publicKeyInfo: [UInt8]
    /// Bits of an RSA key's modulus; nil for other keys.
    public let rsaBits: Int?
    public let dnsNames: [String]
    /// iPAddress entries of the subject alternative name, 4 or 16 bytes.
    public let addresses: [[UInt8]]
    /// Whether a TLS server may use it; true when there is no extended key usage.
    public let allowsServerAuthentication: Bool
    public let subjectKeyIdentifier: [UInt8]?
    /// Whether it is signed with MD5, SHA-1 or older.
    public let hasWeakSignature: Bool

    /// Whether it names itself as its issuer.
    public var isSelfIssued: Bool { subject == issuer }

    /// `2031-05-04` for messages.
    public static func date(_ seconds: Int64) -> String { CertificateTime.date(seconds) }

    public init(der: [UInt8]) throws {
        let certificate = try Self.children(DER.parse(der))
        guard certificate.count == 3 else { throw CertificateError("not a certificate") }
        var body = try Self.children(certificate[0])[...]
        if body.first?.identifier == ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific) { body.removeFirst() }
        let fields = Array(body)
        guard fields.count >= 6 else { throw CertificateError("not a certificate") }
        let algorithm = try Self.children(certificate[1])
        guard let algorithmIdentifier = algorithm.first else { throw CertificateError("no signature algorithm") }
        hasWeakSignature = OID.weakSignatures.contains(try ASN1ObjectIdentifier(derEncoded: algorithmIdentifier))
        serialNumber = Array(fields[0].encodedBytes)
        issuer = Array(fields[2].encodedBytes)
        let validity = try Self.children(fields[3])
        guard validity.count == 2 else { throw CertificateError("no validity") }
        notBefore = try CertificateTime.parse(validity[0])
        notAfter = try CertificateTime.parse(validity[1])
        subject = Array(fields[4].encodedBytes)
        publicKeyInfo = Array(fields[5].encodedBytes)
        rsaBits = try Self.rsaBits(fields[5])
        issuerCommonName = (try? Self.commonName(fields[2])) ?? ""

        var dnsNames: [String] = []
        var addresses: [[UInt8]] = []
        var usages: [ASN1ObjectIdentifier]?
        var keyIdentifier: [UInt8]?
        let wrapper = fields.dropFirst(6).first { $0.identifier == ASN1Identifier(tagWithNumber: 3, tagClass: .contextSpecific) }
        for node in try wrapper.map({ try Self.children($0) })?.first.map({ try Self.children($0) }) ?? [] {
            let parts = try Self.children(node)
            guard let first = parts.first, let last = parts.last else { continue }
            let value = try ASN1OctetString(derEncoded: last).bytes
            switch try ASN1ObjectIdentifier(derEncoded: first) {
            case OID.subjectAlternativeName:
                for name in try Self.children(DER.parse(value)) {
                    guard case .primitive(let bytes) = name.content, name.identifier.tagClass == .contextSpecific else { continue }
                    if name.identifier.tagNumber == 2 { dnsNames.append(String(decoding: bytes, as: UTF8.self)) }
                    if name.identifier.tagNumber == 7 { addresses.append(Array(bytes)) }
                }
            case OID.extendedKeyUsage:
                usages = try Self.children(DER.parse(value)).map { try ASN1ObjectIdentifier(derEncoded: $0) }
            case OID.subjectKeyIdentifier:
                keyIdentifier = try Array(ASN1OctetString(derEncoded: DER.parse(value)).bytes)
            default: break
            }
        }
        self.dnsNames = dnsNames
        self.addresses = addresses
        subjectKeyIdentifier = keyIdentifier
        allowsServerAuthentication = usages.map { $0.contains(OID.serverAuthentication) || $0.contains(OID.anyExtendedKeyUsage) } ?? true
    }

    private static func children(_ node: ASN1Node) throws -> [ASN1Node] {
        guard case .constructed(let children) = node.content else { throw CertificateError("a primitive where a structure belongs") }
        return Array(children)
    }

    private static func rsaBits(_ info: ASN1Node) throws -> Int? {
        let parts = try children(info)
        guard parts.count == 2, let algorithm = try children(parts[0]).first,
            try ASN1ObjectIdentifier(derEncoded: algorithm) == OID.rsaEncryption
        else { return nil }
        let key = try children(DER.parse(ASN1BitString(derEncoded: parts[1]).bytes))
        guard let modulus = key.first, case .primitive(let bytes) = modulus.content else { return nil }
        let magnitude = bytes.drop { $0 == 0 }
        return magnitude.count * 8 - (magnitude.first?.leadingZeroBitCount ?? 0)
    }

    private static func commonName(_ name: ASN1Node) throws -> String {
        var result = ""
        for relative in try children(name) {
            for attribute in try children(relative) {
                let parts = try children(attribute)
                guard parts.count == 2, try ASN1ObjectIdentifier(derEncoded: parts[0]) == OID.commonName,
                    case .primitive(let bytes) = parts[1].content
                else { continue }
                // It comes from the network and goes into a message: nothing but printable ASCII.
                result = String(decoding: bytes.prefix(64).map { (0x20...0x7E).contains($0) ? $0 : 0x3F }, as: UTF8.self)
            }
        }
        return result
    }
}
