import CoopErrors
import LinuxKernel

/// All that decides what may leave a sandbox: a value, made once from every layer of the configuration.
public struct NetworkPolicy: Sendable, Hashable, Codable {
    /// What happens to a host that no rule names.
    public enum Mode: String, Sendable, Hashable, Codable, CaseIterable {
        /// Nothing leaves at all.
        case none
        /// It is denied.
        case scoped
        /// It is allowed on the ports 443 and 80, if it is a name of the public internet.
        case open

        /// Reads the name of a mode.
        public init(parsing text: String) throws(CoopError) {
            guard let mode = Mode(rawValue: text) else {
                let all = Mode.allCases.map(\.rawValue)
                let near = NearestName.find(text, among: all)
                throw CoopError(
                    .configuration, "cannot read the network mode `\(text.printable)`", "a mode is one of \(all.joined(separator: ", "))",
                    next: near.map { "write `\($0)`" })
            }
            self = mode
        }
    }

    public var mode: Mode
    /// The rules in the order of their precedence. A denial that fits wins over everything else; among the others the first
    /// that fits decides.
    public var rules: [NetworkRule]
    /// Loopback ports of the host, reachable at the same port inside.
    public var hostPorts: [UInt16]
    /// Where some names really lead.
    public var hosts: [HostOverride]
    /// Paths of PEM files with further roots for verifying upstream servers.
    public var certificateFiles: [String]
    /// The proxy between the gateway and the internet.
    public var proxy: ProxyAddress?
    /// Whether the person at the terminal is asked about what no rule names, in place of a refusal.
    public var asks = false

    public init(
        mode: Mode = .scoped, rules: [NetworkRule] = [], hostPorts: [UInt16] = [], hosts: [HostOverride] = [],
        certificateFiles: [String] = [], proxy: ProxyAddress? = nil
    ) {
        self.mode = mode
        self.rules = rules
        self.hostPorts = hostPorts
        self.hosts = hosts
        self.certificateFiles = certificateFiles
        self.proxy = proxy
    }

    /// Nothing leaves.
    public static let closed = NetworkPolicy(mode: .none)

    /// The entry of `[network.hosts]` for a destination; the first one wins.
    public func override(for host: Destination) -> HostOverride? { hosts.first { $0.host == host } }
}
