/// One instruction of a classic BPF program: `struct sock_filter` (linux/filter.h, seccomp(2)).
public struct BPFInstruction: Hashable, Sendable {
    public var code: UInt16
    /// How many instructions to skip when a comparison holds.
    public var jt: UInt8
    /// How many instructions to skip when it does not.
    public var jf: UInt8
    public var k: UInt32

    public init(code: UInt16, jt: UInt8 = 0, jf: UInt8 = 0, k: UInt32 = 0) {
        self.code = code
        self.jt = jt
        self.jf = jf
        self.k = k
    }

    /// The most instructions that the kernel takes in one program (`BPF_MAXINSNS`).
    public static let limit = 4096

    /// The size of one instruction in a serialised program, in bytes.
    public static let size = 8

    // The few operations that filters need (linux/bpf_common.h).
    /// `A = *(u32 *)(seccomp_data + k)`
    static let load: UInt16 = 0x20
    /// `A = A & k`
    static let and: UInt16 = 0x54
    /// `pc += k`
    static let jump: UInt16 = 0x05
    /// `pc += (A == k) ? jt : jf`
    static let jumpEqual: UInt16 = 0x15
    /// `pc += (A > k) ? jt : jf`, unsigned
    static let jumpGreater: UInt16 = 0x25
    /// `pc += (A >= k) ? jt : jf`, unsigned
    static let jumpGreaterOrEqual: UInt16 = 0x35
    /// `return k`
    static let `return`: UInt16 = 0x06
}

extension [BPFInstruction] {
    /// The program as the kernel takes it: eight bytes each, in the byte order of x86_64 and aarch64 (little-endian).
    public var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count * BPFInstruction.size) { buffer, size in
            var at = 0
            for instruction in self {
                let word =
                    UInt64(instruction.code) | UInt64(instruction.jt) << 16 | UInt64(instruction.jf) << 24
                    | UInt64(instruction.k) << 32
                for shift in 0..<8 { buffer[at + shift] = UInt8(truncatingIfNeeded: word >> UInt64(shift * 8)) }
                at += 8
            }
            size = at
        }
    }
}
