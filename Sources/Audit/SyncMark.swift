import CoopErrors
import Glibc
import LinuxKernel
import Synchronization

/// How much of the log is known to be on the disk, for all processes that write to it.
///
/// One process at a time waits for the disk; what the others have written meanwhile is covered by the next fdatasync(2), and
/// whoever finds the mark beyond its own entries need not call it.
final class SyncMark: Sendable {
    private let file: TipFile
    private let tip: TipFile
    private let directory: AuditDirectory
    /// flock(2) belongs to the open file, which the threads of this process share.
    private let threads = Mutex<Void>(())

    init(file: TipFile, tip: TipFile, directory: AuditDirectory) {
        self.file = file
        self.tip = tip
        self.directory = directory
    }

    /// The mark as it is now.
    func read() throws(CoopError) -> TipRecord { try file.read() }

    /// Returns when everything up to a position is on the disk.
    ///
    /// - Parameter log: the file of the position.
    func sync(through position: ChainPosition, log: Descriptor) throws(CoopError) {
        try threads.withLock { _ throws(CoopError) in
            try FileLock.held(on: file.descriptor, LOCK_EX, directory.path(of: file.name)) { () throws(CoopError) in
                try syncLocked(through: position, log: log)
            }
        }
    }

    private func syncLocked(through position: ChainPosition, log: Descriptor) throws(CoopError) {
        let mark = try file.read()
        if mark.position.sequence >= position.sequence { return }
        var target = position
        // The tip may be in the middle of being written; its own code tells, and then this position is enough. Earlier files were
        // synced before a later one had its name.
        if let record = try tip.readIfIntact(), record.position.file == position.file, record.position.sequence > position.sequence {
            target = record.position
        }
        do {
            try check("fdatasync", directory.path(of: AuditDirectory.logName(position.file))) { fdatasync(log.number) }
        } catch {
            throw AuditFailure.writing(error, directory: directory.path)
        }
        try file.write(TipRecord(position: target, boot: mark.boot))
    }
}
