/// Something that a person or the audit log should know about a connection.
public struct Incident: Sendable, Equatable {
    public enum Kind: String, Sendable {
        /// Two readers could have understood the message differently (framing, hosts, pseudo-header fields).
        case smuggling
        /// Bytes that are not the protocol.
        case malformed
        /// A limit of size or number was reached.
        case oversized
        /// The upstream's certificate did not verify.
        case certificate
        /// The upstream failed otherwise: no connection, reset, malformed response.
        case upstream
        /// A stub was about to leave in a place where nothing replaces it.
        case stub
        /// A real secret was about to leave.
        case secret
        /// A credential that is not the granted one was about to leave.
        case foreignCredential = "foreign-credential"
        /// The judge gave no answer.
        case judge
    }

    public var connection: UInt64
    public var kind: Kind
    /// What happened, without bytes of the message that could be secret.
    public var detail: String

    public init(connection: UInt64, kind: Kind, detail: String) {
        self.connection = connection
        self.kind = kind
        self.detail = detail
    }
}
