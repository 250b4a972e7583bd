import CoopErrors
import LinuxKernel

/// What one source says.
public struct ConfigurationLayer: Sendable {
    public var layer: ConfigurationOrigin.Layer
    public var configuration = Configuration()

    public init(_ layer: ConfigurationOrigin.Layer) { self.layer = layer }

    /// The same without what it says about other keys.
    public func keeping(_ keys: [ConfigurationKey]) -> ConfigurationLayer {
        var result = ConfigurationLayer(layer)
        for key in keys { result.configuration[key] = configuration[key] }
        return result
    }
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
        // It may quote the file, which a stranger may have written.
        self.reason = reason.printable
        self.next = next
    }

    /// As it leaves coop.
    public var error: CoopError {
        CoopError(.configuration, "the configuration is wrong", "\(origin): \(reason)", next: next)
    }
}
