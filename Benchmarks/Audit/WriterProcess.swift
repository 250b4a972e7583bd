import Audit
import CoopErrors
import Glibc
import LinuxKernel

/// One process that writes to a log and keeps a number of entries outstanding, each acknowledged when it is on the disk.
///
/// It prints `acknowledged N` as it learns of it, if it is asked to, and at the end one line with its numbers.
struct WriterProcess {
    let directory: String
    let outstanding: UInt64
    let entries: UInt64
    let session: String
    let limits: AuditLimits
    let isTalkative: Bool

    func run() throws {
        let writer = try AuditWriter(log: AuditLog(directory: directory, limits: limits))
        var submitted: UInt64 = 0
        var acknowledged: UInt64 = 0
        while acknowledged < entries {
            while submitted < entries, submitted - acknowledged < outstanding {
                submitted = try writer.submit(WriterProcess.entry(submitted + 1, session: session))
            }
            var watched = pollfd(fd: writer.descriptor, events: Int16(POLLIN), revents: 0)
            try check("poll") { poll(&watched, 1, -1) }
            acknowledged = try writer.acknowledged()
            if isTalkative {
                print("acknowledged \(acknowledged)")
                fflush(nil)
            }
        }
        try writer.close()
    }

    /// What a request through the gateway leaves behind.
    static func entry(_ number: UInt64, session: String) -> AuditEntry {
        AuditEntry(
            .egress, session: session,
            details: [
                AuditDetail("verdict", "allow"), AuditDetail("host", "registry.example.com"), AuditDetail("port", 443),
                AuditDetail("method", "GET"), AuditDetail("path", "/packages/left-pad/-/left-pad-1.3.0.tgz"),
                AuditDetail("rule", "bundle npm"), AuditDetail("connection", number),
            ])
    }
}
