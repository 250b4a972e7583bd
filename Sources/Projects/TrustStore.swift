import CoopErrors
import Glibc
import LinuxKernel
import TOML

/// What the user has approved, project by project. A repository's request holds only for the very bytes that were approved.
public struct TrustStore: Sendable {
    private let home: CoopHome

    public init(home: CoopHome) { self.home = home }

    /// Whether what a project's files ask is approved.
    ///
    /// - Parameters:
    ///   - digest: `LoadedConfiguration.contentDigest` of the files as they were read.
    ///   - requests: `ResolvedConfiguration.requests`.
    public func verdict(_ project: Project, digest: @autoclosure () -> String, requests: [ApprovalRequest]) throws(CoopError)
        -> TrustVerdict
    {
        let record = try record(of: project)
        let written = record?.writtenBySandbox ?? []
        if requests.isEmpty, written.isEmpty { return .notNeeded }
        let items = Set(record?.items ?? [])
        let isSameContent = record?.digest.map { $0 == digest() } ?? false
        if let record, isSameContent, written.isEmpty, requests.allSatisfy({ items.contains($0.text) }) { return .approved(record) }
        let asked = Set(requests.map(\.text))
        return .needed(
            TrustDifference(
                added: requests.filter { !items.contains($0.text) }, kept: requests.filter { items.contains($0.text) },
                withdrawn: (record?.items ?? []).filter { !asked.contains($0) },
                contentsChanged: record?.digest != nil && !isSameContent, writtenBySandbox: written))
    }

    /// What is kept for a project; nil when nothing is.
    ///
    /// - Throws: `CoopError` when the file cannot be read or is not of this version: trust that cannot be read is no trust.
    public func record(of project: Project) throws(CoopError) -> TrustRecord? {
        let path = file(of: project)
        let bytes: [UInt8]
        do {
            bytes = try FileSystem.read(path, limit: TOMLDocument.sizeLimit)
        } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { return nil }
            throw CoopError(.failed, "cannot read the approvals of this project", "\(error)", next: "coop trust --revoke")
        }
        guard let document = try? TOMLDocument(parsing: bytes, name: path), let record = TrustRecord(document.root) else {
            throw CoopError(
                .failed, "cannot read the approvals of this project", "\(path.printable) is damaged or of another version",
                next: "coop trust --revoke")
        }
        guard record.path == project.root else {
            throw CoopError(
                .refused, "cannot use the approvals of this project", "\(path.printable) is about \(record.path.printable)",
                next: "coop trust --revoke")
        }
        return record
    }

    /// Approves requests for the contents with this digest. What was approved earlier for the same contents stays so.
    ///
    /// - Parameter now: seconds since 1970.
    public func approve(
        _ project: Project, digest: String, requests: [ApprovalRequest], now: Int64 = Int64(time(nil))
    ) throws(CoopError) {
        try lock.locked { () throws(CoopError) in
            var items = requests.map(\.text)
            if let old = try record(of: project), old.digest == digest, old.writtenBySandbox.isEmpty {
                let new = Set(items)
                items = old.items.filter { !new.contains($0) } + items
            }
            try write(TrustRecord(path: project.root, digest: digest, approvedAt: now, items: items), project)
        }
    }

    /// Takes every approval back. Files that a sandbox wrote stay marked.
    ///
    /// - Returns: whether there was anything to take back.
    @discardableResult
    public func revoke(_ project: Project) throws(CoopError) -> Bool {
        try lock.locked { () throws(CoopError) in
            let path = file(of: project)
            let existed = FileSystem.kind(path, followLinks: false) != nil
            // A damaged record is removed as well: revoking must always be possible.
            let marks = (try? record(of: project))??.writtenBySandbox ?? []
            if marks.isEmpty {
                do {
                    try FileSystem.removeFile(path)
                } catch {
                    throw CoopError(.failed, "cannot take the approvals back", "\(error)", next: "rm \(path.shellQuoted)")
                }
            } else {
                try write(TrustRecord(path: project.root, writtenBySandbox: marks), project)
            }
            return existed
        }
    }

    /// Marks a file of the project as written by a sandbox: every approval is void until the user approves again.
    ///
    /// - Parameter name: the file relative to the project's root: `coop.toml`.
    public func loseTrust(_ name: String, in project: Project) throws(CoopError) {
        try lock.locked { () throws(CoopError) in
            // A damaged record holds no trust to lose; a fresh one with the mark replaces it.
            var record = (try? record(of: project)) ?? nil ?? TrustRecord(path: project.root)
            guard !record.writtenBySandbox.contains(name) else { return }
            record.writtenBySandbox.append(name)
            try write(record, project)
        }
    }

    /// Gives the approvals of a project to the same project at another path. They hold for the same contents; marks of what a sandbox wrote
    /// stay. Can be repeated.
    public func move(from former: String, to project: Project) throws(CoopError) {
        try lock.locked { () throws(CoopError) in
            let old = Project(at: former)
            // Damaged approvals are none, and have no marks that could be read.
            if var record = (try? record(of: old)) ?? nil {
                let marks = (try? self.record(of: project))??.writtenBySandbox ?? []
                record.path = project.root
                record.writtenBySandbox += marks.filter { !record.writtenBySandbox.contains($0) }
                try write(record, project)
            }
            do { try FileSystem.removeFile(file(of: old)) } catch {
                throw CoopError(
                    .failed, "cannot move the approvals of this project", "\(error)", next: "ls -ld \(home.directory(.trust).shellQuoted)")
            }
        }
    }

    /// Where the approvals of a project are kept.
    public func file(of project: Project) -> String { FileSystem.join(home.directory(.trust), project.key.text) }

    private func write(_ record: TrustRecord, _ project: Project) throws(CoopError) {
        let path = file(of: project)
        do {
            try FileSystem.replace(path, with: record.text.utf8, mode: 0o600)
        } catch {
            throw CoopError(
                .failed, "cannot keep the approvals of this project", "\(error)", next: "ls -ld \(home.directory(.trust).shellQuoted)")
        }
    }

    private var lock: DirectoryLock { DirectoryLock(home: home, directory: home.directory(.trust), what: "the approvals") }
}
