/// A TOML 1.0 document (toml.io/en/v1.0.0) in which every key and value knows where it stands, so that a person can be told
/// the file, line and column of what is wrong, and one value can be changed without touching anything else.
public struct TOMLDocument: Sendable {
    /// The largest document that is read, in bytes. A configuration file is a few kilobytes.
    public static let sizeLimit = 1 << 20
    /// The deepest nesting of tables and arrays, so that no input can exhaust the stack.
    public static let depthLimit = 64

    /// What the document is called in messages.
    public let name: String
    /// The bytes it was read from.
    public let bytes: [UInt8]
    /// The document's contents.
    public let root: TOMLTable
    /// The first byte of every comment, in order: the editor refuses to lose one.
    let comments: [Int]

    /// Reads a document.
    ///
    /// - Throws: `TOMLError` with the line and column of the first thing that is not TOML 1.0, and for a document that is
    ///   larger than `sizeLimit`, nested deeper than `depthLimit`, or not UTF-8.
    public init(parsing bytes: [UInt8], name: String) throws(TOMLError) {
        var parser = try TOMLParser(bytes: bytes, name: name)
        root = try parser.document()
        comments = parser.comments
        self.bytes = bytes
        self.name = name
    }

    /// Splits a key as a person types it, `network.hosts."api.example.com"`, into its parts.
    public static func keyPath(parsing text: String, name: String = "key") throws(TOMLError) -> [String] {
        var parser = try TOMLParser(bytes: Array(text.utf8), name: name)
        return try parser.loneKey()
    }

    /// Reads one value as it would stand behind `=`: `["a", "b"]`.
    public static func value(parsing text: String, name: String = "value") throws(TOMLError) -> TOMLValue {
        var parser = try TOMLParser(bytes: Array(text.utf8), name: name)
        return try parser.loneValue()
    }
}
