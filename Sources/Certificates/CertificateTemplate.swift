import Crypto
import SwiftASN1

/// The few kinds of X.509 v3 certificate (RFC 5280) that a sandbox's authority writes.
///
/// A fixed shape written directly: the general library brings a policy engine that nothing here uses.
struct CertificateTemplate {
    enum Purpose {
        /// A CA that may sign end entities and no further CA.
        case authority
        /// A TLS server with one name.
        case server(name: String)
    }

    var purpose: Purpose
    /// The issuer's Name, DER.
    var issuer: [UInt8]
    /// The subject's Name, DER.
    var subject: [UInt8]
    var publicKey: P256.Signing.PublicKey
    var authorityKeyIdentifier: [UInt8]?
    /// Seconds since 1970.
    var notBefore: Int64
    var notAfter: Int64

    /// The certificate, DER, signed with ECDSA and SHA-256.
    func signed(by key: P256.Signing.PrivateKey) throws -> [UInt8] {
        var body = DER.Serializer()
        try serialiseBody(into: &body)
        let signature = try key.signature(for: SHA256.hash(data: body.serializedBytes)).derRepresentation
        var certificate = DER.Serializer()
        try certificate.appendConstructedNode(identifier: .sequence) { node in
            node.serializeRawBytes(body.serializedBytes)
            try Self.serialiseAlgorithm(into: &node)
            try node.serialize(ASN1BitString(bytes: ArraySlice(signature)))
        }
        return certificate.serializedBytes
    }

    /// A Name of one common name.
    static func name(_ commonName: String) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { name in
            if commonName.isEmpty { return }
            try name.appendConstructedNode(identifier: .set) { relative in
                try relative.appendConstructedNode(identifier: .sequence) { attribute in
                    try attribute.serialize(OID.commonName)
                    try attribute.serialize(ASN1UTF8String(contentBytes: ArraySlice(commonName.utf8)))
                }
            }
        }
        return serializer.serializedBytes
    }

    /// The leftmost 160 bits of the key's SHA-256 (RFC 7093 §2, method 1).
    static func keyIdentifier(_ key: P256.Signing.PublicKey) -> [UInt8] {
        Array(SHA256.hash(data: key.x963Representation).prefix(20))
    }

    private func serialiseBody(into serializer: inout DER.Serializer) throws {
        // 127 random bits: unique without a counter, and positive.
        var random = SystemRandomNumberGenerator()
        var serial = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        serial[0] = serial[0] & 0x3F | 0x40
        try serializer.appendConstructedNode(identifier: .sequence) { body in
            try body.appendConstructedNode(identifier: .init(tagWithNumber: 0, tagClass: .contextSpecific)) { try $0.serialize(2) }
            body.appendPrimitiveNode(identifier: .integer) { $0.append(contentsOf: serial) }
            try Self.serialiseAlgorithm(into: &body)
            body.serializeRawBytes(issuer)
            try body.appendConstructedNode(identifier: .sequence) { validity in
                try CertificateTime.serialise(notBefore, into: &validity)
                try CertificateTime.serialise(notAfter, into: &validity)
            }
            body.serializeRawBytes(subject)
            body.serializeRawBytes(publicKey.derRepresentation)
            try body.appendConstructedNode(identifier: .init(tagWithNumber: 3, tagClass: .contextSpecific)) { outer in
                try outer.appendConstructedNode(identifier: .sequence) { try serialiseExtensions(into: &$0) }
            }
        }
    }

    private func serialiseExtensions(into list: inout DER.Serializer) throws {
        switch purpose {
        case .authority:
            try Self.serialiseExtension(OID.basicConstraints, critical: true, into: &list) { value in
                try value.appendConstructedNode(identifier: .sequence) { constraints in
                    try constraints.serialize(true)
                    try constraints.serialize(0)
                }
            }
            // keyCertSign and cRLSign: bits 5 and 6.
            try Self.serialiseExtension(OID.keyUsage, critical: true, into: &list) {
                try $0.serialize(ASN1BitString(bytes: [0x06], paddingBits: 1))
            }
        case .server(let name):
            try Self.serialiseExtension(OID.basicConstraints, critical: true, into: &list) {
                $0.appendConstructedNode(identifier: .sequence) { _ in }
            }
            // digitalSignature: bit 0, all that TLS with ECDHE needs.
            try Self.serialiseExtension(OID.keyUsage, critical: true, into: &list) {
                try $0.serialize(ASN1BitString(bytes: [0x80], paddingBits: 7))
            }
            try Self.serialiseExtension(OID.extendedKeyUsage, critical: false, into: &list) { value in
                try value.appendConstructedNode(identifier: .sequence) { try $0.serialize(OID.serverAuthentication) }
            }
            let address = IPv4Literal.bytes(name)
            try Self.serialiseExtension(OID.subjectAlternativeName, critical: subject.count == 2, into: &list) { value in
                value.appendConstructedNode(identifier: .sequence) { names in
                    // GeneralName: dNSName [2], iPAddress [7].
                    names.appendPrimitiveNode(
                        identifier: .init(tagWithNumber: address == nil ? 2 : 7, tagClass: .contextSpecific)
                    ) { $0.append(contentsOf: address ?? Array(name.utf8)) }
                }
            }
        }
        try Self.serialiseExtension(OID.subjectKeyIdentifier, critical: false, into: &list) {
            try $0.serialize(ASN1OctetString(contentBytes: ArraySlice(Self.keyIdentifier(publicKey))))
        }
        if let authorityKeyIdentifier {
            try Self.serialiseExtension(OID.authorityKeyIdentifier, critical: false, into: &list) { value in
                value.appendConstructedNode(identifier: .sequence) { identifier in
                    identifier.appendPrimitiveNode(identifier: .init(tagWithNumber: 0, tagClass: .contextSpecific)) {
                        $0.append(contentsOf: authorityKeyIdentifier)
                    }
                }
            }
        }
    }

    private static func serialiseExtension(
        _ identifier: ASN1ObjectIdentifier, critical: Bool, into list: inout DER.Serializer,
        _ value: (inout DER.Serializer) throws -> Void
    ) throws {
        var content = DER.Serializer()
        try value(&content)
        try list.appendConstructedNode(identifier: .sequence) { node in
            try node.serialize(identifier)
            if critical { try node.serialize(true) }
            try node.serialize(ASN1OctetString(contentBytes: ArraySlice(content.serializedBytes)))
        }
    }

    private static func serialiseAlgorithm(into serializer: inout DER.Serializer) throws {
        try serializer.appendConstructedNode(identifier: .sequence) { try $0.serialize(OID.ecdsaWithSHA256) }
    }
}
