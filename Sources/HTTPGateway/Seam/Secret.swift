import Glibc

/// The bytes of a secret in memory of their own, overwritten when the last owner lets go.
///
/// What has been written into a request's head lives on in that head until it has been sent; the process that holds it must
/// not be dumpable.
public final class Secret: Sendable, CustomStringConvertible {
    // Written once in the initialiser and overwritten in deinit, when nobody else can look.
    private nonisolated(unsafe) let storage: UnsafeMutableRawBufferPointer

    public init(_ bytes: some Collection<UInt8>) {
        storage = .allocate(byteCount: bytes.count, alignment: 1)
        storage.copyBytes(from: bytes)
    }

    deinit {
        // explicit_bzero(3): a plain store before a deallocation may be optimised away.
        if let start = storage.baseAddress { explicit_bzero(start, storage.count) }
        storage.deallocate()
    }

    /// The secret as text; bytes that are not UTF-8 cannot stand in a header and make this nil.
    var text: String? { String(validating: storage, as: UTF8.self) }

    /// Never the secret.
    public var description: String { "secret" }
}
