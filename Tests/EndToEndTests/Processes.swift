import Glibc
import LinuxKernel
import TestSupport

/// The processes of a sandbox that runs, seen from outside.
extension Sandboxed {
    /// The children of a process.
    static func children(of process: Int32) throws -> [Int32] {
        try FileSystem.list("/proc/\(process)/task").flatMap { thread in
            // Threads come and go: one that has ended has no children.
            String(osBytes: (try? FileSystem.read("/proc/\(process)/task/\(thread)/children")) ?? []).split(separator: " ")
                .compactMap { Int32($0) }
        }
    }

    /// The state of a process, as proc_pid_stat(5) writes it: `R`, `S`, `T`, `Z`; nil when it has gone.
    static func state(of process: Int32) -> Character? {
        let status = (try? FileSystem.read("/proc/\(process)/stat")).map { String(osBytes: $0) }
        return status?.split(separator: ")").last?.dropFirst().first
    }

    /// The name of a process; empty when it has gone.
    static func name(of process: Int32) -> String {
        String(osBytes: ((try? FileSystem.read("/proc/\(process)/comm")) ?? []).filter { $0 != 0x0A })
    }
}
