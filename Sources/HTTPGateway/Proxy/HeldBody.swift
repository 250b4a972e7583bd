import NIOCore
import Substitution

/// A request's body that waits for its end, within the bounds of one body and of all.
final class HeldBody {
    private(set) var bytes = ByteBuffer()
    private let context: LoopContext

    init(_ context: LoopContext) { self.context = context }

    /// - Throws: `InjectionError` when it becomes too large.
    func append(_ piece: ByteBuffer) throws(InjectionError) {
        context.heldBytes += piece.readableBytes
        bytes.writeImmutableBuffer(piece)
        guard bytes.readableBytes <= context.limits.signedBody, context.heldBytes <= context.limits.heldBodies else {
            throw InjectionError(.bodyTooLarge, "the credential depends on the whole body, which is too large to be held")
        }
    }

    /// Forgets the bytes. Called once, whatever became of them.
    func drop() {
        context.heldBytes -= bytes.readableBytes
        bytes = ByteBuffer()
    }
}
