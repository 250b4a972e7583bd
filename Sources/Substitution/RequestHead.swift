/// A header field.
public struct HeaderField: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// Field names are compared without regard to the case of ASCII letters (RFC 9110, section 5.1).
    public func isNamed(_ other: String) -> Bool { HeaderField.sameName(name, other) }

    static func sameName(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
    }
}

/// What a request begins with, whichever version of HTTP carried it.
public struct RequestHead: Sendable, Equatable {
    public var method: String
    /// The path with the query, as it stands on the wire: `/v1/models?limit=5`.
    public var target: String
    /// `:authority`, or the `Host` field: `api.example.com`.
    public var authority: String
    /// The fields without the pseudo-header fields of HTTP/2, in order.
    public var fields: [HeaderField]

    public init(method: String, target: String, authority: String, fields: [HeaderField]) {
        self.method = method
        self.target = target
        self.authority = authority
        self.fields = fields
    }

    /// The first field of that name.
    public func value(_ name: String) -> String? { fields.first { $0.isNamed(name) }?.value }

    /// The target up to the question mark.
    public var path: Substring { target.prefix { $0 != "?" } }

    /// What follows the question mark; nil without one.
    public var query: Substring? {
        target.utf8.firstIndex(of: UInt8(ascii: "?")).map { target[target.utf8.index(after: $0)...] }
    }
}

extension UInt8 {
    var asciiLowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }
    var isASCIILetterOrDigit: Bool { (self >= 0x30 && self <= 0x39) || (self | 0x20 >= 0x61 && self | 0x20 <= 0x7A) }
}
