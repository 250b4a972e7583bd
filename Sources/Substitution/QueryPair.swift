/// One `name=value` of a query, decoded.
public struct QueryPair: Equatable {
    public var name: [UInt8]
    public var value: [UInt8]

    /// Nil where the escapes are broken; an empty value where there is no equals sign.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        let end = bytes.firstIndex(of: UInt8(ascii: "=")) ?? bytes.count
        guard let name = TextEncoding.percentDecoded(bytes[..<end], plusAsSpace: true),
            let value = TextEncoding.percentDecoded(bytes[end...].dropFirst(), plusAsSpace: true)
        else { return nil }
        self.name = name
        self.value = value
    }
}
