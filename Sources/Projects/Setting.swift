/// A value together with the place it comes from.
public struct Setting<Value: Sendable & Equatable>: Sendable, Equatable {
    public var value: Value
    public var origin: ConfigurationOrigin

    public init(_ value: Value, _ origin: ConfigurationOrigin) {
        self.value = value
        self.origin = origin
    }
}
