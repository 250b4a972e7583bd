/// Everything the warden does before the first command starts, in order: flat, printable, comparable.
public struct LaunchPlan: Codable, Sendable, Equatable, WireCodable {
    /// The identity of the command inside; the same numbers as on the host, so that files keep their owner.
    public var workload: Identity
    /// The warden's own identity: a subordinate id where the user has one, else the workload's.
    public var warden: Identity
    /// The directory in which the warden may move aside what stands in the way of a mount target: the private HOME, where an
    /// earlier command may have planted it. Elsewhere it is somebody's own, and stops the run. Empty for none.
    public var clearable: String
    public var operations: [PlanOperation]

    public init(workload: Identity, warden: Identity, clearable: String = "", operations: [PlanOperation]) {
        self.workload = workload
        self.warden = warden
        self.clearable = clearable
        self.operations = operations
    }

    /// Whether the kernel tells the warden and the command apart by user.
    public var separatesWarden: Bool { workload.user != warden.user }

    /// The sockets that are made inside for the gateway, in order.
    public var listeners: [ListeningSocket] {
        operations.compactMap { if case .listen(let socket) = $0 { socket } else { nil } }
    }

    /// Whether the first operations of this plan, and its identities, are all of `beginning`.
    public func begins(with beginning: LaunchPlan) -> Bool {
        workload == beginning.workload && warden == beginning.warden && operations.starts(with: beginning.operations)
    }

    public func encode(to writer: inout WireWriter) {
        workload.encode(to: &writer)
        warden.encode(to: &writer)
        writer.write(clearable)
        writer.write(operations) { $1.encode(to: &$0) }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        workload = try Identity(from: &reader)
        warden = try Identity(from: &reader)
        clearable = try reader.readString()
        operations = try reader.readList { (reader: inout WireReader) throws(WireError) in try PlanOperation(from: &reader) }
    }
}

/// A user and a group inside.
public struct Identity: Codable, Sendable, Equatable, WireCodable {
    public var user: UInt32
    public var group: UInt32

    public init(user: UInt32, group: UInt32) {
        self.user = user
        self.group = group
    }

    public func encode(to writer: inout WireWriter) {
        writer.write(user)
        writer.write(group)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        user = try reader.read()
        group = try reader.read()
    }
}
