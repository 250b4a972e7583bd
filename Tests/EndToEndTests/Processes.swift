import Glibc
import LinuxKernel
import TestSupport

/// The processes of a sandbox that runs, seen from outside.
extension Sandboxed {
    /// The children of a process.
    static func children(of process: Int32) throws -> [Int32] {
        try FileSystem.list("/proc/\(process)/task").flatMap { thread in
            String(osBytes: try FileSystem.read("/proc/\(process)/task/\(thread)/children")).split(separator: " ").compactMap { Int32($0) }
        }
    }

    /// The name of a process; empty when it has gone.
    static func name(of process: Int32) -> String {
        String(osBytes: ((try? FileSystem.read("/proc/\(process)/comm")) ?? []).filter { $0 != 0x0A })
    }
}
