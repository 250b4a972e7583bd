import Crypto

/// A database of NSS (`cert9.db` and `key4.db`, as `certutil -N` makes them) that trusts one authority for TLS servers.
///
/// The rows are PKCS #11 objects and the columns their attributes, named by number. NSS signs trust with the database's password where
/// there is one; here there is none.
public enum NSSDatabase {
    /// The files of the directory, by name.
    ///
    /// - Parameter authority: the certificate, DER.
    /// - Throws: when it is no certificate, or too long.
    public static func files(trusting authority: [UInt8], label: String) throws -> [(name: String, contents: [UInt8])] {
        let facts = try CertificateFacts(der: authority)
        let yes: [UInt8] = [1]
        let no: [UInt8] = [0]
        let (certificateObject, trustObject) = (number(1), number(0xCE53_4353))
        let (trustedDelegator, mustVerify) = (number(0xCE53_4352), number(0xCE53_4353))
        // In the order of the table: identifiers of PKCS #11 in hexadecimal, above 0xce530000 NSS's own.
        let columns: [(name: String, certificate: [UInt8]?, trust: [UInt8]?)] = [
            ("a0", certificateObject, trustObject), // CKA_CLASS
            ("a1", yes, yes), // CKA_TOKEN
            ("a2", no, no), // CKA_PRIVATE
            ("a3", Array(label.utf8), Array(label.utf8)), // CKA_LABEL
            ("a11", authority, nil), // CKA_VALUE
            ("a80", number(0), nil), // CKA_CERTIFICATE_TYPE: X.509
            ("a81", facts.issuer, facts.issuer), // CKA_ISSUER
            ("a82", facts.serialNumber, facts.serialNumber), // CKA_SERIAL_NUMBER
            ("a101", facts.subject, nil), // CKA_SUBJECT
            ("a102", facts.subjectKeyIdentifier ?? [], nil), // CKA_ID
            ("a170", yes, yes), // CKA_MODIFIABLE
            ("ace536358", nil, trustedDelegator), // CKA_TRUST_SERVER_AUTH
            ("ace536359", nil, mustVerify), // CKA_TRUST_CLIENT_AUTH
            ("ace53635a", nil, mustVerify), // CKA_TRUST_CODE_SIGNING
            ("ace53635b", nil, mustVerify), // CKA_TRUST_EMAIL_PROTECTION
            ("ace536360", nil, no), // CKA_TRUST_STEP_UP_APPROVED
            ("ace5363b4", nil, Array(Insecure.SHA1.hash(data: authority))), // CKA_CERT_SHA1_HASH
            ("ace5363b5", nil, Array(Insecure.MD5.hash(data: authority))), // CKA_CERT_MD5_HASH
        ]
        func row(_ id: UInt32, _ values: [[UInt8]?]) -> [SQLiteFile.Value] {
            [.integer(id)] + values.map { $0.map { .bytes($0) } ?? .null }
        }
        let names = ["id"] + columns.map(\.name)
        let certificates = SQLiteFile.make([
            SQLiteFile.Table(name: "nssPublic", columns: names, rows: [row(1, columns.map(\.certificate)), row(2, columns.map(\.trust))])
        ])
        let keys = SQLiteFile.make([
            SQLiteFile.Table(name: "metaData", columns: ["id", "item1", "item2"], rows: []),
            SQLiteFile.Table(name: "nssPrivate", columns: names, rows: []),
        ])
        guard let certificates, let keys else { throw CertificateError("the certificate is too long") }
        return [("cert9.db", certificates), ("key4.db", keys)]
    }

    private static func number(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
}
