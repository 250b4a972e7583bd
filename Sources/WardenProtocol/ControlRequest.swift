/// What a client asks of the supervisor about the sandbox's network.
public enum ControlRequest: Sendable, Equatable, WireCodable {
    /// How it stands.
    case report
    case change(NetworkChange)

    public func encode(to writer: inout WireWriter) {
        switch self {
        case .report: writer.write(UInt8(0))
        case .change(let change):
            writer.write(UInt8(1))
            change.encode(to: &writer)
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .report
        case 1: self = .change(try NetworkChange(from: &reader))
        default: throw WireError("unknown request")
        }
    }
}
