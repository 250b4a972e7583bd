import Glibc

/// Bytes that are overwritten when the last owner lets go of them.
public final class SecretBytes: Sendable, Hashable {
    // Written only while there is one owner: at the beginning and at the end.
    private nonisolated(unsafe) let memory: UnsafeMutableRawBufferPointer

    public init(_ bytes: some Collection<UInt8>) {
        memory = .allocate(byteCount: max(1, bytes.count), alignment: 1)
        count = bytes.count
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        memory.copyBytes(from: bytes)
    }

    deinit {
        if let start = memory.baseAddress { explicit_bzero(start, memory.count) }
        memory.deallocate()
    }

    public let count: Int

    /// The bytes, valid only during the call.
    public func withBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<count]))
    }

    public static func == (left: SecretBytes, right: SecretBytes) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<left.count { difference |= left.memory[index] ^ right.memory[index] }
        return difference == 0
    }

    /// The length only: a hash of the content would outlive it.
    public func hash(into hasher: inout Hasher) { hasher.combine(count) }
}

extension SecretBytes: CustomStringConvertible {
    /// Never the content.
    public var description: String { "[\(count) secret bytes]" }
}
