import SwiftASN1

/// The object identifiers of RFC 5280, RFC 5480, RFC 8017 and RFC 8410 that are written or looked at here.
enum OID {
    static let commonName: ASN1ObjectIdentifier = [2, 5, 4, 3]
    static let subjectKeyIdentifier: ASN1ObjectIdentifier = [2, 5, 29, 14]
    static let keyUsage: ASN1ObjectIdentifier = [2, 5, 29, 15]
    static let subjectAlternativeName: ASN1ObjectIdentifier = [2, 5, 29, 17]
    static let basicConstraints: ASN1ObjectIdentifier = [2, 5, 29, 19]
    static let authorityKeyIdentifier: ASN1ObjectIdentifier = [2, 5, 29, 35]
    static let extendedKeyUsage: ASN1ObjectIdentifier = [2, 5, 29, 37]
    static let serverAuthentication: ASN1ObjectIdentifier = [1, 3, 6, 1, 5, 5, 7, 3, 1]
    static let anyExtendedKeyUsage: ASN1ObjectIdentifier = [2, 5, 29, 37, 0]
    static let ecdsaWithSHA256: ASN1ObjectIdentifier = [1, 2, 840, 10045, 4, 3, 2]
    static let rsaEncryption: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 1, 1]
    /// MD2, MD4, MD5 and SHA-1 with RSA; SHA-1 with DSA; SHA-1 with ECDSA.
    static let weakSignatures: [ASN1ObjectIdentifier] = [
        [1, 2, 840, 113549, 1, 1, 2], [1, 2, 840, 113549, 1, 1, 3], [1, 2, 840, 113549, 1, 1, 4], [1, 2, 840, 113549, 1, 1, 5],
        [1, 2, 840, 10040, 4, 3], [1, 2, 840, 10045, 4, 1], [1, 3, 14, 3, 2, 29],
    ]
}
