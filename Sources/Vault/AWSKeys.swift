import CoopErrors
import Substitution

/// Keys of an AWS account, as one value: the JSON that `aws configure export-credentials` prints, or `KEYID:SECRET[:TOKEN]`.
struct AWSKeys {
    var keyID: SecretBytes
    var secret: SecretBytes
    var token: SecretBytes?

    static func read(_ value: SecretBytes) throws(CoopError) -> AWSKeys {
        var bytes = value.copyBytes()
        defer { bytes.wipe() }
        if bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") {
            guard let json = try? JSONValue.parse(bytes), let keyID = json["AccessKeyId"]?.string,
                let secret = json["SecretAccessKey"]?.string
            else { throw problem("the JSON has no AccessKeyId and SecretAccessKey") }
            return AWSKeys(
                keyID: SecretBytes(copying: keyID.utf8), secret: SecretBytes(copying: secret.utf8),
                token: json["SessionToken"]?.string.map { SecretBytes(copying: $0.utf8) })
        }
        let parts = bytes.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0 > 0x20 && $0 < 0x7F } }) else {
            throw problem("write KEYID:SECRET or KEYID:SECRET:TOKEN")
        }
        return AWSKeys(
            keyID: SecretBytes(copying: parts[0]), secret: SecretBytes(copying: parts[1]),
            token: parts.count > 2 ? SecretBytes(copying: parts[2]) : nil)
    }

    private static func problem(_ why: String) -> CoopError {
        CoopError(.notReady, "the AWS credentials cannot be read", why, next: "aws configure export-credentials | coop secret add AWS_KEYS")
    }

    func credential(stubKeyID: String, stubSecret: String) -> AWSCredential {
        AWSCredential(stubKeyID: stubKeyID, stubSecret: Array(stubSecret.utf8), keyID: keyID, secret: secret, token: token)
    }
}
