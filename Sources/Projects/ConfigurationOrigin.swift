/// Where a value of the configuration comes from.
public struct ConfigurationOrigin: Sendable, Equatable {
    /// The sources, nearest first.
    public enum Layer: Int, Sendable, CaseIterable, Comparable {
        case flags, environment, local, project, user
        /// What an agent that is run brings along.
        case agent
        case defaults

        public static func < (left: Layer, right: Layer) -> Bool { left.rawValue < right.rawValue }

        /// Whether the repository, and with it whoever can write to it, decides the value.
        public var isRepository: Bool { self == .local || self == .project }
    }

    public var layer: Layer
    /// The file as it is shown to a person, the variable, or the option; empty for a default.
    public var name: String
    /// The line in the file, 0 where there is no file.
    public var line: Int
    /// The column in characters, 0 where there is no file.
    public var column: Int

    public init(layer: Layer, name: String, line: Int = 0, column: Int = 0) {
        self.layer = layer
        self.name = name
        self.line = line
        self.column = column
    }

    /// What holds when nobody says anything.
    public static let defaults = ConfigurationOrigin(layer: .defaults, name: "")
}

extension ConfigurationOrigin: CustomStringConvertible {
    /// `coop.toml:7:11`, `COOP_NETWORK_MODE`, `--memory` or `default`.
    public var description: String {
        if layer == .defaults { return "default" }
        return line > 0 ? "\(name):\(line):\(column)" : name
    }
}
