/// Signs requests to AWS anew: a request that was signed with the sandbox's stub keys goes out signed with the real ones.
///
/// The stub's own signature is checked first. That shows that the request is read the way its client and AWS read it; a request whose
/// stub signature does not come out is refused, never sent with a guess.
public struct AWSRequestSigner: Sendable {
    /// What signing a request needs.
    public enum Need: Sendable, Equatable {
        /// It is not signed with the stub's keys.
        case nothing
        /// The head says it all.
        case head
        /// The digest of the body: keep the body, hash it with `AWSRequestSigner.digest`, give it to `sign`.
        case body
        /// Each chunk of the body has a signature of its own: send the body through the signer that `sign` returns.
        case chunks
    }

    private let credential: AWSCredential

    public init(_ credential: AWSCredential) { self.credential = credential }

    /// The digest of a body in hexadecimal, for `sign`.
    public static func digest(_ body: UnsafeRawBufferPointer) -> String {
        String(decoding: TextEncoding.hex(KeyedHash.digest { sink in sink(body) }), as: UTF8.self)
    }

    /// The digest of a body in hexadecimal, for `sign`.
    public static func digest(_ body: [UInt8]) -> String { body.withUnsafeBytes { digest($0) } }

    /// What signing this request needs.
    ///
    /// - Throws: `unsupportedSignature` where the request bears the stub in a signature that cannot be made anew (version 2, 4A).
    public func need(_ head: RequestHead) throws(InjectionError) -> Need {
        guard let signature = try AWSSignature.read(head, mentioning: credential.stubKeyID) else { return .nothing }
        guard signature.keyID == credential.stubKeyID else { return .nothing }
        guard let payload = try payload(head, signature) else { return .body }
        return payload.hasPrefix("STREAMING-AWS4-HMAC-SHA256-PAYLOAD") ? .chunks : .head
    }

    /// Signs the head.
    ///
    /// - Parameter bodyDigest: for `Need.body`.
    /// - Returns: the signer of the body's chunks, for `Need.chunks`.
    public func sign(_ head: inout RequestHead, bodyDigest: String? = nil, chunkLimit: Int = 16 << 20) throws(InjectionError)
        -> AWSChunkSigner?
    {
        guard let signature = try AWSSignature.read(head, mentioning: credential.stubKeyID), signature.keyID == credential.stubKeyID else {
            return nil
        }
        guard let payload = try payload(head, signature) ?? bodyDigest else {
            throw InjectionError(.malformed, "the signature covers the body, whose digest is not known")
        }
        let stubKey = AWSSigningKey(secret: SecretBytes(copying: credential.stubSecret), scope: signature.scope)
        let form = try verify(head, signature, stubKey, payload)

        var changed = signature
        try replaceToken(&head, &changed)
        changed.keyID = credential.keyID.withBytes { String(decoding: $0, as: UTF8.self) }
        if changed.isPresigned { try rewriteQuery(&head, changed, names: ["x-amz-credential", "x-amz-signedheaders"]) }
        let realKey = AWSSigningKey(secret: credential.secret, scope: signature.scope)
        changed.signature = realKey.sign(
            AWSCanonicalRequest.stringToSign(
                try AWSCanonicalRequest.text(head, changed, path: form.path, plusAsSpace: form.plusAsSpace, payload: payload), changed))
        if changed.isPresigned {
            try rewriteQuery(&head, changed, names: ["x-amz-signature"])
        } else {
            for index in head.fields.indices where head.fields[index].isNamed("authorization") {
                head.fields[index].value =
                    "\(AWSSignature.algorithm) Credential=\(changed.keyID)/\(changed.scope), "
                    + "SignedHeaders=\(changed.signedHeaders.joined(separator: ";")), Signature=\(changed.signature)"
            }
        }
        guard payload.hasPrefix("STREAMING-AWS4-HMAC-SHA256-PAYLOAD") else { return nil }
        return AWSChunkSigner(
            stub: .init(key: stubKey, previous: signature.signature), real: .init(key: realKey, previous: changed.signature),
            timestamp: signature.timestamp, scope: signature.scope, hasTrailer: payload.hasSuffix("-TRAILER"), limit: chunkLimit)
    }

    /// What the signature says about the body; nil when it covers the body's digest and the head does not name it.
    private func payload(_ head: RequestHead, _ signature: AWSSignature) throws(InjectionError) -> String? {
        guard let value = head.value("x-amz-content-sha256") else {
            return signature.isPresigned && signature.service == "s3" ? "UNSIGNED-PAYLOAD" : nil
        }
        let isDigest = value.utf8.count == 64 && value.utf8.allSatisfy { TextEncoding.hexValue($0) != nil }
        let known = [
            "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        ]
        guard isDigest || known.contains(value) else {
            throw InjectionError(.unsupportedSignature, "a body signed as this one is cannot be signed anew")
        }
        return value
    }

    private func verify(
        _ head: RequestHead, _ signature: AWSSignature, _ key: AWSSigningKey, _ payload: String
    ) throws(InjectionError) -> (path: AWSCanonicalRequest.PathForm, plusAsSpace: Bool) {
        for plusAsSpace in [false, true] {
            for path in AWSCanonicalRequest.PathForm.allCases {
                let text = try AWSCanonicalRequest.text(head, signature, path: path, plusAsSpace: plusAsSpace, payload: payload)
                if key.sign(AWSCanonicalRequest.stringToSign(text, signature)) == signature.signature { return (path, plusAsSpace) }
            }
        }
        throw InjectionError(.wrongSignature, "the AWS signature was not made with the keys that this sandbox was given")
    }

    /// Gives the request the real session token, or takes the stub's away, and keeps the list of signed headers true.
    private func replaceToken(_ head: inout RequestHead, _ signature: inout AWSSignature) throws(InjectionError) {
        let name = "x-amz-security-token"
        let stub = credential.stubToken.map { String(decoding: $0, as: UTF8.self) }
        if signature.isPresigned {
            var parts = (head.query ?? "").split(separator: "&").map(String.init)
            let place = parts.firstIndex { QueryPair($0).map { String(decoding: $0.name, as: UTF8.self).lowercased() == name } ?? false }
            if let place {
                guard let stub, QueryPair(parts[place])?.value == Array(stub.utf8) else {
                    throw InjectionError(.wrongSignature, "the session token is not the one that this sandbox was given")
                }
                parts.remove(at: place)
            }
            if let token = credential.token {
                let encoded = token.withBytes { String(decoding: TextEncoding.percentEncoded($0), as: UTF8.self) }
                parts.insert("X-Amz-Security-Token=" + encoded, at: place ?? parts.count)
            }
            head.target = head.path + "?" + parts.joined(separator: "&")
            return
        }
        for field in head.fields where field.isNamed(name) && field.value != stub {
            throw InjectionError(.wrongSignature, "the session token is not the one that this sandbox was given")
        }
        head.fields.removeAll { $0.isNamed(name) }
        signature.signedHeaders.removeAll { $0 == name }
        if let token = credential.token {
            head.fields.append(HeaderField(name, token.withBytes { String(decoding: $0, as: UTF8.self) }))
            signature.signedHeaders.append(name)
            signature.signedHeaders.sort()
        }
    }

    private func rewriteQuery(_ head: inout RequestHead, _ signature: AWSSignature, names: Set<String>) throws(InjectionError) {
        var parts: [String] = []
        for part in (head.query ?? "").split(separator: "&") {
            guard let pair = QueryPair(part) else { throw InjectionError(.malformed, "the query cannot be decoded") }
            let name = String(decoding: pair.name, as: UTF8.self).lowercased()
            let value: String
            switch name {
            case "x-amz-credential" where names.contains(name): value = signature.keyID + "/" + signature.scope
            case "x-amz-signedheaders" where names.contains(name): value = signature.signedHeaders.joined(separator: ";")
            case "x-amz-signature" where names.contains(name): value = signature.signature
            default:
                parts.append(String(part))
                continue
            }
            parts.append(String(part.prefix { $0 != "=" }) + "=" + String(decoding: TextEncoding.percentEncoded(value.utf8), as: UTF8.self))
        }
        head.target = head.path + "?" + parts.joined(separator: "&")
    }
}
