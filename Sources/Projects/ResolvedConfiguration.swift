/// What holds after all layers came together.
public struct ResolvedConfiguration: Sendable, Equatable {
    /// The values in force.
    public internal(set) var effective: Configuration
    /// Values that were set and do not hold, with their places: hidden by a nearer layer, larger than a limit, or not approved.
    public internal(set) var overridden: [ConfigurationKey: [Setting<ConfigurationValue>]]
    /// What the repository's files ask beyond the user's configuration and the defaults, in the order of the schema.
    public internal(set) var requests: [ApprovalRequest]
}
