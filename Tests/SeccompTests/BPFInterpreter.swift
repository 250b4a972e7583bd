@testable import Seccomp

/// What goes wrong when a program is not one that the kernel would take (kernel/seccomp.c, net/core/filter.c).
enum BPFFault: Error { case badInstruction(Int), badLoad(Int), ranOffTheEnd, tooLong, badSize }

/// Runs serialised filter programs as the kernel does, independently of the code that made them.
struct BPFInterpreter {
    private let code: [(code: UInt16, jt: Int, jf: Int, k: UInt32)]

    init(_ bytes: [UInt8]) throws {
        guard bytes.count % 8 == 0, !bytes.isEmpty else { throw BPFFault.badSize }
        guard bytes.count / 8 <= 4096 else { throw BPFFault.tooLong }
        code = stride(from: 0, to: bytes.count, by: 8).map { at in
            (
                UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8, Int(bytes[at + 2]), Int(bytes[at + 3]),
                UInt32(bytes[at + 4]) | UInt32(bytes[at + 5]) << 8 | UInt32(bytes[at + 6]) << 16 | UInt32(bytes[at + 7]) << 24
            )
        }
        // The kernel's checks: known instructions, aligned loads within the data, every way ends in a return.
        for (index, instruction) in code.enumerated() {
            let room = code.count - index - 1
            switch instruction.code {
            case 0x20: guard instruction.k % 4 == 0, instruction.k < 64 else { throw BPFFault.badLoad(index) }
            case 0x05: guard Int(instruction.k) < room else { throw BPFFault.ranOffTheEnd }
            case 0x15, 0x25, 0x35: guard instruction.jt < room, instruction.jf < room else { throw BPFFault.ranOffTheEnd }
            case 0x54, 0x06: break
            default: throw BPFFault.badInstruction(index)
            }
        }
        guard code.last?.code == 0x06 else { throw BPFFault.ranOffTheEnd }
    }

    var count: Int { code.count }

    func run(audit: UInt32, number: UInt32, arguments: [UInt64] = []) -> UInt32 {
        var words: [UInt32] = [number, audit, 0xDEAD_BEEF, 0x7FFF]
        for index in 0..<6 {
            let argument = index < arguments.count ? arguments[index] : 0
            words.append(UInt32(truncatingIfNeeded: argument))
            words.append(UInt32(argument >> 32))
        }
        var a: UInt32 = 0
        var at = 0
        while true {
            let (code, jt, jf, k) = self.code[at]
            at += 1
            switch code {
            case 0x20: a = words[Int(k / 4)]
            case 0x54: a &= k
            case 0x05: at += Int(k)
            case 0x15: at += a == k ? jt : jf
            case 0x25: at += a > k ? jt : jf
            case 0x35: at += a >= k ? jt : jf
            default: return k
            }
        }
    }

    /// Instructions until the return, for a call that is decided by its number.
    func steps(audit: UInt32, number: UInt32) -> Int {
        var a: UInt32 = 0
        var at = 0
        var count = 0
        while true {
            let (code, jt, jf, k) = self.code[at]
            at += 1
            count += 1
            switch code {
            case 0x20: a = k == 0 ? number : k == 4 ? audit : 0
            case 0x54: a &= k
            case 0x05: at += Int(k)
            case 0x15: at += a == k ? jt : jf
            case 0x25: at += a > k ? jt : jf
            case 0x35: at += a >= k ? jt : jf
            default: return count
            }
        }
    }
}

/// The filter of a policy, asked by name.
struct Probe {
    let architecture: Architecture
    let interpreter: BPFInterpreter

    init(_ architecture: Architecture, _ bytes: [UInt8]) throws {
        self.architecture = architecture
        interpreter = try BPFInterpreter(bytes)
    }

    /// `allow`, `EPERM`, … ; nil when the architecture has no such call.
    func callAsFunction(_ name: String, _ arguments: UInt64...) -> String? {
        guard let number = SyscallTable.of(architecture).number(of: name) else { return nil }
        return text(interpreter.run(audit: architecture.auditNumber, number: number, arguments: arguments))
    }

    func text(_ value: UInt32) -> String {
        switch value & 0xFFFF_0000 {
        case 0x7FFF_0000: "allow"
        case 0x8000_0000: "kill-process"
        case 0x0000_0000: "kill-thread"
        case 0x0005_0000: ErrorNumber.name(UInt16(value & 0xFFFF))
        case 0x7FFC_0000: "log"
        case 0x0003_0000: "trap"
        case 0x7FF0_0000: "trace"
        default: "?"
        }
    }
}
