/// The text that a signature of version 4 covers.
///
/// Services differ in how they write the path: S3 as it is, others encoded once more, with or without dots removed. Which one a client
/// used is found by trying: the stub's own signature must come out.
struct AWSCanonicalRequest: Sendable {
    enum PathForm: CaseIterable, Sendable { case wire, decodedOnce, encodedTwice, encodedTwiceNormalized, normalized }

    static func text(
        _ head: RequestHead, _ signature: AWSSignature, path: PathForm, plusAsSpace: Bool, payload: String
    ) throws(InjectionError) -> String {
        var lines = [head.method, try self.path(String(head.path), path), try query(head, signature, plusAsSpace)]
        for name in signature.signedHeaders { lines.append(name + ":" + (try value(name, head))) }
        lines.append("")
        lines.append(signature.signedHeaders.joined(separator: ";"))
        lines.append(payload)
        return lines.joined(separator: "\n")
    }

    static func stringToSign(_ canonical: String, _ signature: AWSSignature) -> String {
        let digest = String(decoding: TextEncoding.hex(KeyedHash.digest(Array(canonical.utf8))), as: UTF8.self)
        return [AWSSignature.algorithm, signature.timestamp, signature.scope, digest].joined(separator: "\n")
    }

    private static func path(_ wire: String, _ form: PathForm) throws(InjectionError) -> String {
        let path = wire.isEmpty ? "/" : wire
        func encoded(_ bytes: some Sequence<UInt8>) -> String {
            String(decoding: TextEncoding.percentEncoded(bytes) { $0 == UInt8(ascii: "/") }, as: UTF8.self)
        }
        switch form {
        case .wire: return path
        case .normalized: return normalized(path)
        case .encodedTwice: return encoded(path.utf8)
        case .encodedTwiceNormalized: return encoded(normalized(path).utf8)
        case .decodedOnce:
            guard let decoded = TextEncoding.percentDecoded(path.utf8) else {
                throw InjectionError(.malformed, "the path cannot be decoded")
            }
            return encoded(decoded)
        }
    }

    /// RFC 3986, section 5.2.4, and doubled slashes as one.
    private static func normalized(_ path: String) -> String {
        var parts: [Substring.UTF8View.SubSequence] = []
        for part in path.utf8.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
        }
        let isDirectory = path.hasSuffix("/") || path.hasSuffix("/.") || path.hasSuffix("/..")
        if parts.isEmpty { return "/" }
        return "/" + parts.map { String(Substring($0)) }.joined(separator: "/") + (isDirectory ? "/" : "")
    }

    private static func query(_ head: RequestHead, _ signature: AWSSignature, _ plusAsSpace: Bool) throws(InjectionError) -> String {
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        for part in (head.query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let end = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            guard let name = TextEncoding.percentDecoded(part[..<end], plusAsSpace: plusAsSpace),
                let value = TextEncoding.percentDecoded(part[end...].dropFirst(), plusAsSpace: plusAsSpace)
            else { throw InjectionError(.malformed, "the query cannot be decoded") }
            if signature.isPresigned, name == Array("X-Amz-Signature".utf8) { continue }
            pairs.append((TextEncoding.percentEncoded(name), TextEncoding.percentEncoded(value)))
        }
        pairs.sort { $0.name != $1.name ? $0.name.lexicographicallyPrecedes($1.name) : $0.value.lexicographicallyPrecedes($1.value) }
        return pairs.map { String(decoding: $0.name + [UInt8(ascii: "=")] + $0.value, as: UTF8.self) }.joined(separator: "&")
    }

    private static func value(_ name: String, _ head: RequestHead) throws(InjectionError) -> String {
        let values = head.fields.filter { $0.isNamed(name) }.map { field in
            field.value.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 }).map { String(Substring($0)) }.joined(separator: " ")
        }
        if values.isEmpty {
            if name == "host" { return head.authority }
            throw InjectionError(.malformed, "the signed header \(name) is missing")
        }
        return values.joined(separator: ",")
    }
}
