/// The key for one day, region and service, derived from a secret access key.
struct AWSSigningKey: Sendable {
    private let hash: KeyedHash

    init(secret: SecretBytes, scope: String) {
        var key = Array("AWS4".utf8)
        secret.withBytes { key.append(contentsOf: $0) }
        for part in scope.split(separator: "/") {
            var next = KeyedHash(key: key)(Array(part.utf8))
            key.wipe()
            swap(&key, &next)
        }
        hash = KeyedHash(key: key)
        key.wipe()
    }

    /// The signature of a string to sign, in hexadecimal.
    func sign(_ text: String) -> String { String(decoding: TextEncoding.hex(hash(Array(text.utf8))), as: UTF8.self) }
}
