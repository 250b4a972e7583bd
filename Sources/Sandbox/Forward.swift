/// Something of the user's session that can be used inside through a socket.
public struct Forward: Codable, Sendable, Equatable {
    /// How the sandbox reaches it.
    public enum Way: String, Codable, Sendable {
        /// By a socket of the supervisor's, which passes on only what is allowed.
        case filtered
        /// By a socket of the supervisor's, which passes on everything.
        case relayed
        /// By the host's own socket.
        case bound
    }

    /// As in `sandbox.forward`.
    public var name: String
    /// The socket on the host.
    public var host: String
    /// The socket inside.
    public var target: String
    public var way: Way

    public init(name: String, host: String, target: String, way: Way) {
        self.name = name
        self.host = host
        self.target = target
        self.way = way
    }
}
