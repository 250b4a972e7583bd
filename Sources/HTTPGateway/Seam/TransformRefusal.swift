/// A transform found something that must not leave, or must not come in.
public struct TransformRefusal: Error, Sendable, Equatable {
    public var kind: Incident.Kind
    public var denial: Denial

    public init(kind: Incident.Kind, denial: Denial) {
        self.kind = kind
        self.denial = denial
    }
}
