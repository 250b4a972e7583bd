/// What holds after all layers came together.
public struct ResolvedConfiguration: Sendable, Equatable {
    /// The values in force.
    public internal(set) var effective: Configuration
    /// Values that were set and do not hold, with their places: hidden by a nearer layer, larger than a limit, or not approved.
    public internal(set) var overridden: [ConfigurationKey: [Setting<ConfigurationValue>]]
    /// What the repository's files ask beyond the user's configuration and the defaults, in the order of the schema.
    public internal(set) var requests: [ApprovalRequest]
}

extension ResolvedConfiguration {
    /// The value in force at a dotted path, also inside tables with names: `sandbox.env.NODE_ENV`; nil where nothing is set.
    ///
    /// - Returns: the value as a person writes it, and where it comes from.
    public func value(at path: [String]) -> (text: String, origin: ConfigurationOrigin)? {
        guard let (key, rest) = ConfigurationSchema.key(at: path), let setting = effective[key] else { return nil }
        guard let name = rest.first else { return (setting.value.text, setting.origin) }
        let field = rest.count == 2 ? rest.last : nil
        let found: [(String, ConfigurationOrigin)] = setting.value.items.compactMap { item in
            switch item.content {
            case .pair(let value) where item.name == name && field == nil: return (value, item.origin)
            case .service(let service) where service.name == name && field == "version": return (service.version, item.origin)
            case .command(let command) where command.command == name && command.action.rawValue == field:
                return (command.pattern, item.origin)
            default: return nil
            }
        }
        return found.first.map { (found.map(\.0).joined(separator: ", "), $0.1) }
    }
}
