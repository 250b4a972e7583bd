/// Why a document cannot be read or edited, and where.
public struct TOMLError: Error, Sendable, Equatable {
    /// The document's name, as the caller gave it: a path to show to a person.
    public var name: String
    /// The place that is wrong.
    public var position: TOMLPosition
    /// The reason, in a few words.
    public var reason: String

    public init(name: String, position: TOMLPosition, reason: String) {
        self.name = name
        self.position = position
        self.reason = reason
    }

    /// `name:line:column`.
    public var place: String { "\(name):\(position)" }
}

extension TOMLError: CustomStringConvertible {
    public var description: String { "\(place): \(reason)" }
}
