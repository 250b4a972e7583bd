/// Basic authentication (RFC 7617).
enum BasicCredentials {
    /// The base64 text of a field that holds basic credentials; nil for another scheme.
    static func encoded(_ value: String) -> [UInt8]? {
        let words = value.utf8.split(separator: UInt8(ascii: " "))
        guard words.count == 2, words[0].elementsEqual("basic".utf8, by: { $0.asciiLowercased == $1 }) else { return nil }
        return Array(words[1])
    }
}
