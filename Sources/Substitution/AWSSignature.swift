/// What a request signed for AWS says about its signature: the `Authorization` field, or the query of a presigned address
/// (AWS General Reference, "Signature Version 4").
struct AWSSignature: Sendable, Equatable {
    static let algorithm = "AWS4-HMAC-SHA256"

    var keyID: String
    /// `20150830/us-east-1/s3/aws4_request`
    var scope: String
    /// `20150830T123600Z`
    var timestamp: String
    /// In lower case, in the order in which they are written.
    var signedHeaders: [String]
    var signature: String
    var isPresigned: Bool

    var service: Substring { scope.split(separator: "/").dropFirst(2).first ?? "" }

    /// Nil when the request bears no such signature.
    ///
    /// - Throws: `malformed` for one that cannot be read, `unsupportedSignature` for one of another version.
    static func read(_ head: RequestHead, mentioning keyID: String) throws(InjectionError) -> AWSSignature? {
        if let field = head.value("authorization"), field.contains(keyID) {
            guard field.hasPrefix(algorithm + " ") || field.hasPrefix(algorithm + ",") else {
                throw InjectionError(.unsupportedSignature, "only AWS signature version 4 (\(algorithm)) can be signed anew")
            }
            return try header(field, head)
        }
        guard let query = head.query, query.contains(keyID) else { return nil }
        var values: [String: String] = [:]
        for part in query.split(separator: "&") {
            guard let pair = QueryPair(part) else { throw InjectionError(.malformed, "the query of the signed address cannot be read") }
            let name = String(decoding: pair.name, as: UTF8.self).lowercased()
            guard name.hasPrefix("x-amz-") || name == "awsaccesskeyid" else { continue }
            guard values.updateValue(String(decoding: pair.value, as: UTF8.self), forKey: name) == nil else {
                throw InjectionError(.malformed, "the signed address has \(name) twice")
            }
        }
        guard let found = values["x-amz-algorithm"] else {
            if values["awsaccesskeyid"] == keyID {
                throw InjectionError(.unsupportedSignature, "only AWS signature version 4 (\(algorithm)) can be signed anew")
            }
            return nil
        }
        guard found == algorithm else {
            throw InjectionError(.unsupportedSignature, "only AWS signature version 4 (\(algorithm)) can be signed anew")
        }
        guard let credential = values["x-amz-credential"], let timestamp = values["x-amz-date"], let names = values["x-amz-signedheaders"],
            let signature = values["x-amz-signature"]
        else { throw InjectionError(.malformed, "a part of the signature is missing in the signed address") }
        return try make(credential, timestamp, names, signature, isPresigned: true)
    }

    private static func header(_ field: String, _ head: RequestHead) throws(InjectionError) -> AWSSignature {
        var values: [String: String] = [:]
        for part in field.dropFirst(algorithm.count).split(whereSeparator: { $0 == "," || $0 == " " }) {
            guard let equals = part.firstIndex(of: "=") else { throw InjectionError(.malformed, "the AWS signature cannot be read") }
            values[String(part[..<equals])] = String(part[part.index(after: equals)...])
        }
        guard let credential = values["Credential"], let names = values["SignedHeaders"], let signature = values["Signature"],
            let timestamp = head.value("x-amz-date") ?? head.value("date")
        else { throw InjectionError(.malformed, "a part of the AWS signature is missing") }
        return try make(credential, timestamp, names, signature, isPresigned: false)
    }

    private static func make(
        _ credential: String, _ timestamp: String, _ names: String, _ signature: String, isPresigned: Bool
    ) throws(InjectionError) -> AWSSignature {
        let parts = credential.split(separator: "/", omittingEmptySubsequences: false)
        let isTime =
            timestamp.utf8.count == 16
            && timestamp.utf8.enumerated().allSatisfy { index, byte in
                index == 8 ? byte == UInt8(ascii: "T") : index == 15 ? byte == UInt8(ascii: "Z") : byte >= 0x30 && byte <= 0x39
            }
        guard parts.count == 5, parts[4] == "aws4_request", isTime, timestamp.hasPrefix(parts[1]), !parts[2].isEmpty, !parts[3].isEmpty,
            parts.allSatisfy({ $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } })
        else { throw InjectionError(.malformed, "the scope or the time of the AWS signature cannot be read") }
        return AWSSignature(
            keyID: String(parts[0]), scope: parts[1...].joined(separator: "/"), timestamp: timestamp,
            signedHeaders: names.lowercased().split(separator: ";").map(String.init), signature: signature, isPresigned: isPresigned)
    }
}
