/// Compressed data that cannot be decoded, or that grows beyond what its size could mean.
public struct InflateError: Error, Sendable, Equatable {
    /// What is wrong, in words.
    public var detail: String

    public init(_ detail: String) { self.detail = detail }
}
