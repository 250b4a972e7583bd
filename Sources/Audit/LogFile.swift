import LinuxKernel

/// One numbered file of the log, open.
struct LogFile: Sendable {
    let number: UInt32
    let descriptor: Descriptor

    var name: String { AuditDirectory.logName(number) }
}
