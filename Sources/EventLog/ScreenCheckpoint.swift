/// What a terminal showed at one moment, so that nobody has to begin at its first byte: an event `screen`.
public struct ScreenCheckpoint: Sendable, Equatable {
    public var sequence: UInt64
    /// How many bytes the terminal had received.
    public var offset: Int64
    public var size: ScreenSize
    /// What brings a terminal of this size to show it.
    public var snapshot: [UInt8]
}

/// An event that changes what a terminal shows.
public struct ScreenChange: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case resized(ScreenSize)
        /// A part of the file `terminal`.
        case bytes(offset: Int64, count: Int64)
    }

    public var sequence: UInt64
    public var kind: Kind
}
