import Audit
import CoopErrors
import LinuxKernel
import Projects

/// Rules that are kept in the user's own configuration. A repository's file is never written.
struct SavedRules {
    let home: CoopHome

    /// Adds hosts to `network.allow` or `network.deny`; those that are there already stay as they are.
    func add(_ hosts: [String], to key: ConfigurationKey) throws(CoopError) {
        let editor = ConfigurationEditor(.user(home), home: home)
        let added = try editor.add(hosts, to: key.path)
        guard !added.isEmpty else { return }
        let directory = home.directory(.audit)
        try home.prepare(directory)
        try AuditLog(directory: directory).append(
            AuditEntry(
                .policy, details: [AuditDetail("change", "saved"), AuditDetail("key", key.path), AuditDetail("hosts", .list(added))]),
            durable: true)
    }
}
