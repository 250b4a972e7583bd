/// A change of the rules of one live sandbox, as `coop allow` and `coop deny` ask for it.
public struct NetworkChange: Sendable, Equatable, WireCodable {
    public enum Action: UInt8, Sendable { case allow, deny }

    public var action: Action
    /// Host patterns as they were typed: the supervisor reads them.
    public var hosts: [String]

    /// The most hosts of one change, and the most bytes of one of them.
    public static let hostLimit = 256
    public static let textLimit = 512

    public init(_ action: Action, hosts: [String]) {
        self.action = action
        self.hosts = hosts
    }

    public func encode(to writer: inout WireWriter) {
        writer.write(action.rawValue)
        writer.write(hosts) { $0.write($1) }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        guard let action = Action(rawValue: try reader.read()) else { throw WireError("unknown change") }
        self.action = action
        hosts = try reader.readList(limit: NetworkChange.hostLimit) { (reader: inout WireReader) throws(WireError) in
            try reader.readString(limit: NetworkChange.textLimit)
        }
    }
}
