import CoopErrors
import Glibc
import LinuxKernel
import Synchronization

/// The audit log: one chain of entries, to which any number of processes and threads append.
///
/// docs/audit.md describes the files and what they prove.
public final class AuditLog: Sendable {
    private let encoder: EntryEncoder
    private let writer: Mutex<ChainWriter>
    private let lock: Descriptor
    private let lockPath: String
    private let mark: SyncMark

    /// Opens the log, and makes it where there is none.
    ///
    /// - Parameters:
    ///   - directory: its directory, `$COOP_HOME/audit`. All processes must use the same path.
    ///   - redaction: applied to every text of every entry.
    /// - Throws: `CoopError` when it cannot be made or opened, or when others may read or write it.
    public init(directory: String, limits: AuditLimits = AuditLimits(), redaction: AuditRedaction = .none) throws(CoopError) {
        let files = try ChainFiles(path: directory)
        encoder = EntryEncoder(redaction: redaction)
        lock = files.lock
        lockPath = files.directory.path(of: AuditDirectory.Name.lock)
        mark = files.mark
        writer = Mutex(ChainWriter(files: files, limits: limits))
    }

    /// Appends an entry and returns when it is written: it survives the end of this process, not that of the machine.
    ///
    /// - Parameter durable: return only when it is on the disk (fdatasync(2)).
    /// - Returns: its number.
    /// - Throws: `CoopError` when it was not written, or not synced; the log is then to be taken for unusable.
    @discardableResult
    public func append(_ entry: AuditEntry, durable: Bool = false) throws(CoopError) -> UInt64 {
        var batch = EncodedBatch()
        batch.append(entry, encoder)
        let written = try commit(batch)
        if durable { try sync(written) }
        return written.position.sequence
    }

    /// What a commit has written and where.
    struct Written: Sendable {
        var position: ChainPosition
        var file: Descriptor
    }

    func encode(_ entry: AuditEntry, into batch: inout EncodedBatch) { batch.append(entry, encoder) }

    func commit(_ batch: EncodedBatch) throws(CoopError) -> Written {
        try writer.withLock { writer throws(CoopError) in
            try FileLock.held(on: lock, LOCK_EX, lockPath) { () throws(CoopError) in
                let (position, file) = try writer.commit(batch)
                return Written(position: position, file: file)
            }
        }
    }

    func sync(_ written: Written) throws(CoopError) { try mark.sync(through: written.position, log: written.file) }
}
