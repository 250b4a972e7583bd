/// A message that is refused by the protocol's own rules.
struct MessageError: Error, Equatable {
    var kind: Incident.Kind
    /// The status for the client, when the message came from the client.
    var status: Int
    var detail: String

    static func malformed(_ detail: String) -> MessageError { .init(kind: .malformed, status: 400, detail: detail) }
    static func smuggling(_ detail: String) -> MessageError { .init(kind: .smuggling, status: 400, detail: detail) }
    static func oversized(_ detail: String) -> MessageError { .init(kind: .oversized, status: 431, detail: detail) }
}
