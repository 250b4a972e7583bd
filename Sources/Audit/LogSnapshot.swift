import CoopErrors
import Glibc
import LinuxKernel

/// A log as it was at one moment, between two batches of any writer.
struct LogSnapshot {
    /// A file and how much of it belongs to the snapshot.
    struct File {
        let log: LogFile
        let size: UInt64
        var name: String { log.name }
    }

    let directory: AuditDirectory
    let key: ChainKey?
    let files: [File]
    /// The record, nil when the file is missing or damaged.
    let tip: TipRecord?
    let synced: TipRecord?

    var isEmpty: Bool { files.isEmpty && key == nil }

    /// - Returns: nil when there is no log at all.
    init?(path: String) throws(CoopError) {
        guard let directory = try AuditDirectory(opening: path) else { return nil }
        self.directory = directory
        if let lock = try directory.open(AuditDirectory.Name.lock, O_RDONLY) {
            (key, files, tip, synced) = try FileLock.held(on: lock, LOCK_SH, directory.path(of: AuditDirectory.Name.lock)) {
                () throws(CoopError) in try LogSnapshot.take(directory)
            }
        } else {
            // Without the lock there is no writer either.
            (key, files, tip, synced) = try LogSnapshot.take(directory)
        }
    }

    private static func take(_ directory: AuditDirectory) throws(CoopError) -> (ChainKey?, [File], TipRecord?, TipRecord?) {
        let key = try directory.key()
        var files: [File] = []
        for number in try directory.logNumbers() {
            guard let file = try directory.open(AuditDirectory.logName(number), O_RDONLY) else { continue }
            let log = LogFile(number: number, descriptor: file)
            files.append(File(log: log, size: try directory.size(of: file, log.name)))
        }
        guard let key else { return (nil, files, nil, nil) }
        return (
            key, files, try TipFile(.tip, in: directory, key: key, flags: O_RDONLY)?.readIfIntact(),
            try TipFile(.synced, in: directory, key: key, flags: O_RDONLY)?.readIfIntact()
        )
    }
}
