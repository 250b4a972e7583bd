/// A processor architecture whose system calls coop knows.
public enum Architecture: String, Sendable, Codable, CaseIterable {
    case x86_64
    case aarch64

    /// The architecture that this program was built for.
    public static var current: Architecture {
        #if arch(x86_64)
            .x86_64
        #elseif arch(arm64)
            .aarch64
        #else
            #error("coop knows the system calls of x86_64 and aarch64 only")
        #endif
    }

    /// The value of `seccomp_data.arch` (`AUDIT_ARCH_…` in linux/audit.h): ELF machine, 64 bits, little-endian.
    public var auditNumber: UInt32 {
        switch self {
        case .x86_64: 0xC000_003E
        case .aarch64: 0xC000_00B7
        }
    }

    /// The architecture's name in Go and in container profiles.
    var containerName: String {
        switch self {
        case .x86_64: "amd64"
        case .aarch64: "arm64"
        }
    }

    /// x86_64 kernels run the x32 ABI under the same audit number and mark its calls with this bit (seccomp(2), Caveats).
    static let x32Bit: UInt32 = 0x4000_0000

    /// The number that means "no call": syscall(-1) and calls that a tracer has skipped.
    static let noCall: UInt32 = 0xFFFF_FFFF

    /// Whether `number` is a call of the x32 ABI.
    func isForeign(_ number: UInt32) -> Bool {
        self == .x86_64 && number >= Architecture.x32Bit && number != Architecture.noCall
    }
}
