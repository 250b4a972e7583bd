import CoopErrors
import LinuxKernel

/// A pattern for the path of a request: `/repos/me/*`, where `*` stands for any text, `/` included.
///
/// It is matched against the whole path without the query. See `PathReading` for what happens to paths that servers read
/// differently.
public struct PathPattern: Sendable, Hashable {
    /// The most bytes of a pattern.
    public static let lengthLimit = 1024

    /// The pattern in the spelling that paths are compared in: escapes in upper case, and only where they are needed.
    public let text: String

    /// Reads a pattern from the configuration.
    public init(parsing text: String) throws(CoopError) {
        let what = "cannot read the path pattern `\(text.printable)`"
        guard text.hasPrefix("/") else {
            throw CoopError(.configuration, what, "a path begins with /", next: "write `/\(text.printable)`")
        }
        if text.utf8.count > PathPattern.lengthLimit {
            throw CoopError(.configuration, what, "it has more than \(PathPattern.lengthLimit) bytes", next: "put `*` in place of its end")
        }
        if text.utf8Range(of: "**") != nil {
            throw CoopError(.configuration, what, "`*` already stands for any text, `/` included", next: "write a single `*`")
        }
        for (byte, why) in [(UInt8(ascii: "?"), "a rule does not look at the query"), (UInt8(ascii: "#"), "no request holds a fragment")]
        where text.utf8.contains(byte) {
            throw CoopError(.configuration, what, why, next: "write the path alone")
        }
        if text.uppercased().utf8Range(of: "%2A") != nil {
            throw CoopError(.configuration, what, "it holds an encoded `*`, which a pattern cannot name", next: "write `*`")
        }
        let bytes = Array(text.utf8)
        let reading = PathReading.read(bytes)
        guard case .readable(let literal, _) = reading else {
            let why =
                "servers would read it in different ways: it holds `..`, `//`, `\\`, a character that needs %-encoding, or a bad escape"
            throw CoopError(.configuration, what, why, next: "write the path in its plain form")
        }
        if literal.contains(UInt8(ascii: ";")) {
            throw CoopError(.configuration, what, "some servers cut a path at `;`", next: "put `*` in place of the `;` and what follows")
        }
        self.text = String(decoding: literal, as: UTF8.self)
    }
}

extension PathPattern: CustomStringConvertible {
    public var description: String { text }
}

extension PathPattern: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(parsing: try container.decode(String.self))
        } catch let error as CoopError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
