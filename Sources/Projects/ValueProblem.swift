import LinuxKernel

/// Why a value is not accepted, without its place.
public struct ValueProblem: Error, Sendable, Equatable, ExpressibleByStringInterpolation {
    public var reason: String

    public init(stringLiteral value: String) { self.init(value) }
    public init(_ reason: String) { self.reason = reason.printable }
}
