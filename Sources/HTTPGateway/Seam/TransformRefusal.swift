/// A transform found something that must not leave, or must not come in.
public struct TransformRefusal: Error, Sendable, Equatable {
    public var kind: Incident.Kind
    public var denial: Denial

    /// What the record says; nil for the reason that the program inside reads.
    public var detail: String?

    public init(kind: Incident.Kind, denial: Denial, detail: String? = nil) {
        self.kind = kind
        self.denial = denial
        self.detail = detail
    }
}
