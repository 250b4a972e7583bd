/// One line of a session's log.
public struct Event: Sendable, Equatable {
    /// The version of the envelope; a field may be added without a new one.
    public static let version = 1

    /// Its place: 1, 2, 3, … without a gap.
    public var sequence: UInt64
    public var time: EventTime
    public var type: EventType
    /// Its other fields, as a JSON object.
    public var fields: [UInt8]

    public init(sequence: UInt64, time: EventTime, type: EventType, fields: [UInt8]) {
        self.sequence = sequence
        self.time = time
        self.type = type
        self.fields = fields
    }

    /// The event as one JSON object without a line end: `{"v":1,"seq":7,"at":"…","type":"message","text":"…"}`.
    public var json: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// Appends the event as one JSON object.
    public func append(to bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + fields.count + 96)
        bytes.append(contentsOf: "{\"v\":1,\"seq\":".utf8)
        bytes.append(contentsOf: String(sequence).utf8)
        bytes.append(contentsOf: ",\"at\":\"".utf8)
        time.append(to: &bytes)
        bytes.append(contentsOf: "\",\"type\":".utf8)
        JSONBytes.append(quoted: type.rawValue.utf8, to: &bytes)
        if fields.count > 2 {
            bytes.append(UInt8(ascii: ","))
            bytes.append(contentsOf: fields[1...])
        } else {
            bytes.append(UInt8(ascii: "}"))
        }
    }
}
