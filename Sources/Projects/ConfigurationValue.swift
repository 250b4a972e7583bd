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
}

/// A credential for a host, of `[[grants]]`.
public struct GrantSetting: Sendable, Equatable {
    /// Where the credential goes.
    public enum Place: Sendable, Equatable {
        case header(String), query(String), basic(user: String)
    }

    /// Where the credential comes from.
    public enum Source: Sendable, Equatable {
        case stored(String), environment(String), file(String), command(String)
    }

    public var name: String
    public var domain: String
    public var place: Place
    /// Holds `{value}` once.
    public var template: String?
    public var source: Source
}

/// One pattern of `[commands.NAME]`.
public struct CommandSetting: Sendable, Equatable {
    public enum Action: String, Sendable { case allow, approve, deny }

    public var command: String
    public var action: Action
    public var pattern: String
}

/// A service of `[services]`.
public struct ServiceSetting: Sendable, Equatable {
    public var name: String
    public var version: String
}
