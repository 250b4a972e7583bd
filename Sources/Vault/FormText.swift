import Substitution

/// `application/x-www-form-urlencoded`, and queries.
enum FormText {
    static func encode(_ pairs: [(String, String)]) -> String {
        pairs.map { pair in
            [pair.0, pair.1].map { String(decoding: TextEncoding.percent.encode($0.utf8), as: UTF8.self) }.joined(separator: "=")
        }.joined(separator: "&")
    }

    /// Nil for broken escapes, and for a name that stands there twice.
    static func decode(_ text: some StringProtocol) -> [String: String]? {
        var result: [String: String] = [:]
        for part in text.utf8.split(separator: UInt8(ascii: "&")) {
            guard let pair = QueryPair(String(decoding: part, as: UTF8.self)), let name = String(validating: pair.name, as: UTF8.self),
                let value = String(validating: pair.value, as: UTF8.self), result.updateValue(value, forKey: name) == nil
            else { return nil }
        }
        return result
    }
}
