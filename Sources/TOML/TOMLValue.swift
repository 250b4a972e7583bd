/// A value of TOML 1.0.
public enum TOMLValue: Sendable {
    case string(String)
    case integer(Int64)
    case float(Double)
    case boolean(Bool)
    case dateTime(TOMLDateTime)
    case array([TOMLNode])
    case table(TOMLTable)

    /// What kind of value this is, as an error message names it: `a string`.
    public var kindName: String {
        switch self {
        case .string: "a string"
        case .integer: "an integer"
        case .float: "a floating-point number"
        case .boolean: "a boolean"
        case .dateTime: "a date or time"
        case .array: "an array"
        case .table: "a table"
        }
    }

    /// An array of strings, for editing.
    public static func strings(_ values: [String]) -> TOMLValue {
        .array(values.map { TOMLNode(value: .string($0), position: .start) })
    }

    /// Whether both mean the same, wherever they are written. Tables are compared without regard to order; NaN equals NaN.
    public func hasSameContent(as other: TOMLValue) -> Bool {
        switch (self, other) {
        case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
        case (.integer(let left), .integer(let right)): return left == right
        case (.float(let left), .float(let right)):
            return left.bitPattern == right.bitPattern || (left.isNaN && right.isNaN)
        case (.boolean(let left), .boolean(let right)): return left == right
        case (.dateTime(let left), .dateTime(let right)): return left == right
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.value.hasSameContent(as: $1.value) }
        case (.table(let left), .table(let right)): return left.hasSameContent(as: right)
        default: return false
        }
    }
}

/// A value and where it stands.
public struct TOMLNode: Sendable {
    public var value: TOMLValue
    /// The value's own bytes; for a table that has a header, the header's.
    public var position: TOMLPosition

    public init(value: TOMLValue, position: TOMLPosition) {
        self.value = value
        self.position = position
    }
}

/// A date, a time, or both, kept as it was written (RFC 3339), with its calendar checked.
public struct TOMLDateTime: Sendable, Hashable {
    /// Which of the four forms it has.
    public enum Form: Sendable, Hashable {
        case offsetDateTime, localDateTime, localDate, localTime
    }

    public var form: Form
    public var text: String

    public init(form: Form, text: String) {
        self.form = form
        self.text = text
    }
}
