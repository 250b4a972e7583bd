/// The fields of an event, written as a JSON object while they are put in; nothing is kept twice.
public struct EventFields: Sendable {
    /// A text longer than this is kept once, by its hash, and the field holds a reference.
    public static let inlineLimit = 8192

    /// A text that is kept apart.
    struct Content: Sendable {
        var digest: [UInt8]
        var bytes: [UInt8]
    }

    /// The object without its closing brace.
    private(set) var bytes: [UInt8] = [UInt8(ascii: "{")]
    private(set) var contents: [Content] = []

    public init() {}

    /// The complete object.
    consuming func object() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    public mutating func put(_ name: String, _ value: Int64) {
        putName(name)
        bytes.append(contentsOf: String(value).utf8)
    }

    public mutating func put(_ name: String, _ value: Bool) {
        putName(name)
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    /// A short text: a name, a state, an id. However long it is it stays in the event.
    public mutating func put(_ name: String, _ text: String) {
        putName(name)
        JSONBytes.append(quoted: text.utf8, to: &bytes)
    }

    /// A text of any length; bytes that are not UTF-8 become U+FFFD. A long one is kept by its hash.
    public mutating func put(_ name: String, content: some Collection<UInt8>) {
        guard content.count > EventFields.inlineLimit else {
            putName(name)
            JSONBytes.append(quoted: content, to: &bytes)
            return
        }
        let whole = Array(content)
        let digest = ContentHash.digest(of: whole)
        putName(name)
        bytes.append(contentsOf: "{\"sha256\":\"\(ContentHash.text(digest))\",\"bytes\":\(whole.count)}".utf8)
        contents.append(Content(digest: digest, bytes: whole))
    }

    /// A value that is JSON already, on one line and known to be well formed.
    public mutating func put(_ name: String, json: some Collection<UInt8>) {
        putName(name)
        bytes.append(contentsOf: json)
    }

    private mutating func putName(_ name: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        JSONBytes.append(quoted: name.utf8, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }
}
