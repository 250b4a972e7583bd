import Glibc

/// The bytes of a secret, in pages of their own that are wiped when the last owner lets go.
///
/// The pages are kept out of core dumps (madvise(2), MADV_DONTDUMP), are empty in a forked child (MADV_WIPEONFORK), and are kept
/// out of swap where the limit of locked memory allows (mlock(2)). Copies pass through other memory on their way, so a process that
/// has once held a secret leaves no core file at all. It has no description: interpolating one into a message prints
/// its type's name and nothing else.
public final class SecretBytes: @unchecked Sendable {
    // Written only by the initialisers, before anybody else can have the object.
    private let base: UnsafeMutableRawPointer
    /// How many bytes the secret has.
    public let count: Int
    private let mapped: Int

    /// RLIMIT_CORE for the whole process, once. Exactly 1 is the one value with which the kernel starts no program of
    /// `core_pattern` either (core(5)). Lowering a limit is allowed to everybody.
    private static let withoutCore: Void = {
        var limit = rlimit(rlim_cur: 1, rlim_max: 1)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
    }()

    /// Makes a secret of `count` bytes, which `fill` writes. They are zero before.
    public init(count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        SecretBytes.withoutCore
        mapped = max(1, (count + SecretPages.size - 1) / SecretPages.size) * SecretPages.size
        base = SecretPages.take(mapped)
        self.count = count
        try fill(UnsafeMutableRawBufferPointer(start: base, count: count))
    }

    /// A copy of `bytes`. Who made them has to wipe them; see `init(wiping:)`.
    public convenience init(_ bytes: UnsafeRawBufferPointer) {
        self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    /// A copy of `bytes`. Who made them has to wipe them; see `init(wiping:)`.
    public convenience init(copying bytes: some Collection<UInt8>) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// Takes the bytes over and wipes the array.
    public convenience init(wiping bytes: inout [UInt8]) {
        self.init(count: bytes.count) { target in bytes.withUnsafeBytes { target.copyMemory(from: $0) } }
        bytes.wipe()
    }

    deinit {
        SecretPages.giveBack(base, mapped)
    }

    /// The bytes, for as long as `body` runs. It must not let them out.
    @inlinable
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(buffer) }
    }

    /// A copy in ordinary memory. Who asks for it wipes it: `defer { copy.wipe() }`.
    public func copyBytes() -> [UInt8] { withBytes { Array($0) } }

    @usableFromInline
    var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }
}

extension SecretBytes: Equatable {
    /// Compares in a time that depends on the lengths only.
    public static func == (left: SecretBytes, right: SecretBytes) -> Bool {
        guard left.count == right.count else { return false }
        return left.withBytes { a in
            right.withBytes { b in
                var difference: UInt8 = 0
                for index in 0..<a.count { difference |= a[index] ^ b[index] }
                return difference == 0
            }
        }
    }
}

extension Array where Element == UInt8 {
    /// Overwrites the bytes and makes the array empty (explicit_bzero(3), which a compiler does not leave out).
    ///
    /// Works on this array's storage; a second array that shares it forces a copy, so nobody may hold one.
    public mutating func wipe() {
        withUnsafeMutableBytes { if let base = $0.baseAddress { explicit_bzero(base, $0.count) } }
        removeAll()
    }
}
