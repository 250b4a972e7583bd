import CoopErrors
import Glibc

/// The HTTP methods that a policy names, each with a bit of its own.
struct MethodTable: ~Copyable, Sendable {
    /// The longest method that a rule may name.
    static let lengthLimit = 32
    /// The most different methods that one policy may name. The highest bit is for all others.
    static let countLimit = 63

    private struct Entry: BitwiseCopyable {
        /// The first eight bytes.
        var head: UInt64
        var start: UInt32
        var count: UInt32
    }

    private let entries: FrozenArray<Entry>
    private let bytes: FrozenArray<UInt8>
    private static let other: UInt64 = 1 << 63

    /// - Parameter names: each once, in upper case.
    init(_ names: [String]) {
        var entries: [Entry] = []
        var all: [UInt8] = []
        for name in names {
            let bytes = Array(name.utf8)
            entries.append(
                Entry(head: bytes.withUnsafeBytes { MethodTable.head($0) }, start: UInt32(all.count), count: UInt32(bytes.count)))
            all += bytes
        }
        self.entries = FrozenArray(entries)
        self.bytes = FrozenArray(all)
    }

    /// The bit of a method as it is written, and of the same in upper case: some servers take `post` for `POST`, so a rule
    /// that denies POST means both and one that allows GET means only GET.
    @inline(__always)
    func bits(of method: UnsafeRawBufferPointer) -> (exact: UInt64, folded: UInt64) {
        let exact = bit(of: method)
        if exact != MethodTable.other { return (exact, exact) }
        return (exact, foldedBit(of: method))
    }

    @inline(__always)
    private func bit(of method: UnsafeRawBufferPointer) -> UInt64 {
        let head = MethodTable.head(method)
        for index in 0..<entries.count {
            let entry = entries[index]
            guard entry.head == head, Int(entry.count) == method.count else { continue }
            if method.count <= 8 { return 1 &<< UInt64(index) }
            if let base = method.baseAddress, memcmp(bytes.start + Int(entry.start), base, method.count) == 0 { return 1 &<< UInt64(index) }
        }
        return MethodTable.other
    }

    @inline(never)
    private func foldedBit(of method: UnsafeRawBufferPointer) -> UInt64 {
        guard method.count <= MethodTable.lengthLimit, method.contains(where: { $0 >= 0x61 && $0 <= 0x7A }) else {
            return MethodTable.other
        }
        return withUnsafeTemporaryAllocation(byteCount: MethodTable.lengthLimit, alignment: 8) { upper in
            for (index, byte) in method.enumerated() { upper[index] = byte >= 0x61 && byte <= 0x7A ? byte & 0xDF : byte }
            return bit(of: UnsafeRawBufferPointer(rebasing: upper[..<method.count]))
        }
    }

    /// Up to eight bytes of a method in one word; two methods of the same length up to eight are the same if their words are.
    @inline(__always)
    private static func head(_ method: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = method.baseAddress, method.count > 0 else { return 0 }
        if method.count >= 8 { return base.loadUnaligned(as: UInt64.self) }
        if method.count >= 4 {
            return UInt64(base.loadUnaligned(as: UInt32.self)) &<< 32
                | UInt64(base.loadUnaligned(fromByteOffset: method.count &- 4, as: UInt32.self))
        }
        let middle = UInt64(base.load(fromByteOffset: method.count &>> 1, as: UInt8.self))
        let last = UInt64(base.load(fromByteOffset: method.count &- 1, as: UInt8.self))
        return UInt64(base.load(as: UInt8.self)) | middle &<< 8 | last &<< 16
    }
}
