/// The value of one key in one layer.
public enum ConfigurationValue: Sendable, Equatable {
    case text(String)
    /// Bytes.
    case size(UInt64)
    case duration(Duration)
    case integer(Int)
    case number(Double)
    /// The things of a list or table, each with its own place.
    case items([ConfigurationItem])

    var items: [ConfigurationItem] {
        if case .items(let items) = self { return items }
        return []
    }
}

/// One thing of a list or table.
public struct ConfigurationItem: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        case text(String)
        case port(Int)
        case mount(MountSetting)
        case pair(String)
        case rule(NetworkRuleSetting)
        case grant(GrantSetting)
        case command(CommandSetting)
        case service(ServiceSetting)
        case sshKey(SSHKeySetting)
    }

    /// What it is called in tables with names; otherwise its text, by which two are recognised as the same.
    public var name: String
    public var content: Content
    public var origin: ConfigurationOrigin
}

/// A rule of `[[network.rules]]`.
public struct NetworkRuleSetting: Sendable, Equatable {
    public enum Action: String, Sendable { case allow, deny, ask }

    public var host: String
    /// Empty for all.
    public var methods: [String]
    /// Empty for all.
    public var paths: [String]
    public var action: Action

    public init(host: String, methods: [String] = [], paths: [String] = [], action: Action) {
        self.host = host
        self.methods = methods
        self.paths = paths
        self.action = action
    }
}

/// A credential for a host, of `[[grants]]`.
public struct GrantSetting: Sendable, Equatable {
    /// Where the credential goes.
    public enum Place: Sendable, Equatable {
        case header(String)
        case query(String)
        case basic(user: String)
        case cookie(String)
    }

    /// Where the credential comes from.
    public enum Source: Sendable, Equatable {
        case stored(String)
        case environment(String)
        case file(String)
        case command(String)
        /// Attributes of an entry of the desktop's keyring.
        case secretService(String)
        /// The provider's own: an agent's login on this machine.
        case login
    }

    /// What the credential is for.
    public enum Target: Sendable, Equatable {
        /// One place in requests to one host.
        case place(domain: String, Place)
        /// The hosts and places of a service that coop knows.
        case provider(String)
    }

    public var name: String
    public var target: Target
    /// Holds `{value}` once.
    public var template: String?
    public var source: Source
    /// Variables that hold the stub inside; nil for the usual ones.
    public var variables: [String]?

    public init(name: String, domain: String, place: Place, template: String? = nil, source: Source, variables: [String]? = nil) {
        self.init(name: name, target: .place(domain: domain, place), template: template, source: source, variables: variables)
    }

    public init(name: String, target: Target, template: String? = nil, source: Source, variables: [String]? = nil) {
        self.name = name
        self.target = target
        self.template = template
        self.source = source
        self.variables = variables
    }
}

/// One pattern of `[commands.NAME]`.
public struct CommandSetting: Sendable, Equatable {
    public enum Action: String, Sendable { case allow, approve, deny }

    public var command: String
    public var action: Action
    public var pattern: String

    public init(command: String, action: Action, pattern: String) {
        self.command = command
        self.action = action
        self.pattern = pattern
    }
}

/// A service of `[services]`.
public struct ServiceSetting: Sendable, Equatable {
    public var name: String
    public var version: String

    public init(name: String, version: String) {
        self.name = name
        self.version = version
    }
}

/// A key of the user's ssh-agent, of `ssh.keys`.
public struct SSHKeySetting: Sendable, Equatable {
    /// `SHA256:…`, as ssh-keygen(1) prints it.
    public var fingerprint: String
    /// Whether a person is asked each time.
    public var confirms: Bool

    public init(fingerprint: String, confirms: Bool) {
        self.fingerprint = fingerprint
        self.confirms = confirms
    }
}
