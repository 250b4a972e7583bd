import NIOCore
import Substitution

/// A request whose credential can be renewed, and the copy of its body that it is sent once more with.
final class CredentialRenewal {
    private let injection: Injection
    private let context: LoopContext
    /// As it came from the client; nil once it cannot be sent again.
    private var body: ByteBuffer? = ByteBuffer()
    /// Whether the one new attempt was made.
    private(set) var hasBegun = false

    /// Nil when nothing that is in the head can be renewed.
    ///
    /// - Parameter used: the grants whose secrets are in the head.
    init?(_ injections: [Injection], used: [String], _ context: LoopContext) {
        guard let found = injections.first(where: { $0.revision != nil && used.contains($0.grant) }) else { return nil }
        injection = found
        self.context = context
    }

    func append(_ piece: ByteBuffer) {
        guard !hasBegun, let length = body?.readableBytes else { return }
        let total = length + piece.readableBytes
        guard total <= context.limits.collectedBody, context.heldBytes + piece.readableBytes <= context.limits.heldBodies else {
            return giveUp()
        }
        context.heldBytes += piece.readableBytes
        body?.writeImmutableBuffer(piece)
    }

    /// What to ask another one for: once, and only if the request can be sent again.
    func begin() -> Injection? {
        guard !hasBegun, body != nil else { return nil }
        hasBegun = true
        return injection
    }

    /// The body to send again; nil before `begin`, and when it was taken.
    func take() -> ByteBuffer? {
        guard hasBegun, let body else { return nil }
        giveUp()
        return body
    }

    /// Forgets the body.
    func giveUp() {
        context.heldBytes -= body?.readableBytes ?? 0
        body = nil
    }
}
