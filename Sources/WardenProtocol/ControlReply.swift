/// The supervisor's answer to a `ControlRequest`.
public enum ControlReply: Sendable, Equatable, WireCodable {
    /// How the network stands now, as JSON: of the same version of coop on both sides.
    case report(String)
    /// Nothing was changed: the parts of an error that a person reads.
    case refused(code: String, what: String, why: String, next: String)

    public func encode(to writer: inout WireWriter) {
        switch self {
        case .report(let text):
            writer.write(UInt8(0))
            writer.write(text)
        case .refused(let code, let what, let why, let next):
            writer.write(UInt8(1))
            for text in [code, what, why, next] { writer.write(text) }
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .report(try reader.readString())
        case 1:
            self = .refused(
                code: try reader.readString(), what: try reader.readString(), why: try reader.readString(), next: try reader.readString())
        default: throw WireError("unknown reply")
        }
    }
}
