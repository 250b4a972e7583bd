import Policy

/// How the network of a live sandbox stands: what its supervisor answers.
struct NetworkState: Codable {
    /// What a change means for one host.
    struct Effect: Codable {
        var host: String
        /// `allow` or `deny`.
        var action: String
        /// The rule that refuses the host all the same; nil where the change does what it says.
        var refusedBy: String?
    }

    struct Refusal: Codable {
        var place: String
        var reason: String
        /// The command that would allow it; empty where none would.
        var next: String
        var count: Int
    }

    var session: String
    var name: String?
    var workspace: String
    /// Whether there is a gateway: there is none where the sandbox was started with `--network none`.
    var gateway: Bool
    /// The rules in force, those that were added since the start in front.
    var policy: NetworkPolicy
    /// Connections and requests that were let through.
    var allowed = 0
    var refusals: [Refusal] = []
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    /// Why the network was closed before the sandbox's end.
    var failure: String?
    /// Of the change that was asked for; empty otherwise.
    var effects: [Effect] = []
}
