/// One named value in the details of an entry: `"host":"api.example.com"`.
public struct AuditDetail: Sendable, Equatable {
    public var name: String
    public var value: AuditValue

    public init(_ name: String, _ value: AuditValue) {
        self.name = name
        self.value = value
    }

    public init(_ name: String, _ text: String) { self.init(name, .text(text)) }

    public init(_ name: String, _ number: some BinaryInteger) { self.init(name, .integer(Int64(clamping: number))) }

    public init(_ name: String, _ flag: Bool) { self.init(name, .flag(flag)) }
}
