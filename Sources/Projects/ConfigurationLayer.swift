import CoopErrors

/// What one source says.
public struct ConfigurationLayer: Sendable {
    public var layer: ConfigurationOrigin.Layer
    public var configuration = Configuration()

    public init(_ layer: ConfigurationOrigin.Layer) { self.layer = layer }
}

/// One thing that is wrong in a source.
public struct ConfigurationProblem: Error, Sendable, Equatable {
    /// The dotted path of the key it is about; empty for the whole file.
    public var key: String
    public var origin: ConfigurationOrigin
    public var reason: String
    public var next: String

    init(key: String, origin: ConfigurationOrigin, reason: String, next: String = "coop config list   # every key, with its type") {
        self.key = key
        self.origin = origin
        self.reason = reason
        self.next = next
    }

    /// As it leaves coop.
    public var error: CoopError {
        CoopError(.configuration, "the configuration is wrong", "\(origin): \(reason)", next: next)
    }
}
