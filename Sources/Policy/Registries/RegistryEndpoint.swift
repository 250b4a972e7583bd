/// A host that a package manager has been told to use.
public struct RegistryEndpoint: Sendable, Hashable {
    /// The package managers whose configuration is read.
    public enum Tool: String, Sendable, Hashable, CaseIterable {
        /// pip and uv.
        case pip
        case apt
        /// npm, yarn and pnpm, as far as they read `.npmrc`.
        case npm
        case cargo
        case go

        /// The bundles that take the hosts of this tool.
        public var bundles: [String] {
            switch self {
            case .pip: ["pypi"]
            case .apt: ["debian", "ubuntu"]
            case .npm: ["npm"]
            case .cargo: ["crates"]
            case .go: ["go"]
            }
        }
    }

    public var tool: Tool
    public var host: Destination
    public var port: UInt16
    /// Where it is written: `~/.config/pip/pip.conf`, `PIP_INDEX_URL`. Never the URL, which may hold a password.
    public var origin: String
    /// Whether the project's own files say so, which anybody who can write to the repository decides.
    public var isFromRepository: Bool

    public init(tool: Tool, host: Destination, port: UInt16, origin: String, isFromRepository: Bool = false) {
        self.tool = tool
        self.host = host
        self.port = port
        self.origin = origin
        self.isFromRepository = isFromRepository
    }

    /// The rule that allows it.
    public var rule: NetworkRule {
        let hosts: HostPattern.Hosts =
            switch host {
            case .name(let name): .name(name)
            case .address(let address): .address(address)
            }
        return NetworkRule(HostPattern(hosts, port: port), origin: origin)
    }

    /// That its address may be a private one: mirrors stand inside companies, and the user's own configuration names this one.
    /// Nil when it comes from the repository, which cannot open private addresses.
    public var placement: HostOverride? {
        if isFromRepository { return nil }
        if let address = host.address, !AddressClass(address).mayBeOpened { return nil }
        return HostOverride(host: host, target: host, origin: origin)
    }
}
