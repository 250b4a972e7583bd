import Audit
import CoopErrors
import LinuxKernel
import Projects

/// The approvals, with an entry in the audit log for every change.
struct RecordedTrust {
    let home: CoopHome

    /// Approves what a project's files ask for. The entry comes first: there is no approval without one.
    func approve(_ project: Project, digest: String, requests: [ApprovalRequest]) throws(CoopError) {
        try record("approved", project, [AuditDetail("digest", digest), AuditDetail("items", .list(requests.map(\.text)))])
        try ProjectRegistry(home: home).keepAsConfigured(project)
        try TrustStore(home: home).approve(project, digest: digest, requests: requests)
    }

    /// Takes every approval back. The entry comes last: a log that cannot be written must not keep an approval in force.
    ///
    /// - Returns: whether there was anything to take back.
    func revoke(_ project: Project) throws(CoopError) -> Bool {
        let existed = try TrustStore(home: home).revoke(project)
        if existed { try record("revoked", project, []) }
        return existed
    }

    /// Takes every approval back with the project that it was for, marks included.
    func forget(_ project: Project) throws(CoopError) { try record("revoked", project, []) }

    /// Voids the approvals because a sandbox has written a file that they are about.
    func loseTrust(_ name: String, in project: Project, session: String) throws(CoopError) {
        try TrustStore(home: home).loseTrust(name, in: project)
        try record("lost", project, [AuditDetail("writtenBySandbox", name)], session: session)
    }

    /// The project is at another path than its approvals, which follow it. The entry comes first, as for an approval.
    func move(from former: ProjectRecord, to project: Project) throws(CoopError) {
        let store = TrustStore(home: home)
        guard FileSystem.kind(store.file(of: Project(at: former.path)), followLinks: false) != nil else { return }
        try record("moved", project, [AuditDetail("from", former.path)])
    }

    private func record(_ change: String, _ project: Project, _ details: [AuditDetail], session: String = "") throws(CoopError) {
        let directory = home.directory(.audit)
        try home.prepare(directory)
        let entry = AuditEntry(
            .trust, session: session, details: [AuditDetail("change", change), AuditDetail("project", project.root)] + details)
        try AuditLog(directory: directory).append(entry, durable: true)
    }
}
