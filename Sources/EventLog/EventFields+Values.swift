extension EventFields {
    /// A list of short texts.
    public mutating func put(_ name: String, list: [String]) {
        var json: [UInt8] = [UInt8(ascii: "[")]
        for (index, text) in list.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            JSONBytes.append(quoted: text.utf8, to: &json)
        }
        json.append(UInt8(ascii: "]"))
        put(name, json: json)
    }

    /// The number in a field of this object that was put in as one; nil where there is none.
    public func number(_ name: String) -> Double? {
        guard let start = value(name) else { return nil }
        return Double(String(decoding: bytes[start...].prefix { "0123456789+-.eE".utf8.contains($0) }, as: UTF8.self))
    }

    /// Where the value of a field begins. What is in a text cannot be taken for a name: there every quote has a backslash before it.
    private func value(_ name: String) -> Int? {
        var key: [UInt8] = []
        JSONBytes.append(quoted: name.utf8, to: &key)
        key.append(UInt8(ascii: ":"))
        guard bytes.count > key.count else { return nil }
        for start in 1...(bytes.count - key.count) {
            let isFirst = bytes[start - 1] == UInt8(ascii: "{") || bytes[start - 1] == UInt8(ascii: ",")
            if isFirst, bytes[start..<(start + key.count)].elementsEqual(key) { return start + key.count }
        }
        return nil
    }
}
