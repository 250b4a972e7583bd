import CoopErrors
import Glibc
import LinuxKernel

/// The files of a log that are held open for writing. Opening them makes the log where there is none.
struct ChainFiles {
    let directory: AuditDirectory
    let key: ChainKey
    let lock: Descriptor
    let tip: TipFile
    private let synced: TipFile
    let mark: SyncMark

    /// Opens the log in a directory.
    init(path: String) throws(CoopError) {
        let directory = try AuditDirectory(making: path)
        guard let lock = try directory.open(AuditDirectory.Name.lock, O_RDWR | O_CREAT) else {
            throw AuditFailure.replaced(directory.path(of: AuditDirectory.Name.lock))
        }
        let (key, tip, synced) = try FileLock.held(on: lock, LOCK_EX, directory.path(of: AuditDirectory.Name.lock)) {
            () throws(CoopError) in
            let key: ChainKey
            if let kept = try directory.key() { key = kept } else { key = try ChainFiles.make(in: directory) }
            guard let tip = try TipFile(.tip, in: directory, key: key), let synced = try TipFile(.synced, in: directory, key: key) else {
                throw AuditFailure.altered("\(directory.path.printable) has a key, but no `tip` or no `synced`")
            }
            return (key, tip, synced)
        }
        self.directory = directory
        self.key = key
        self.lock = lock
        self.tip = tip
        self.synced = synced
        mark = SyncMark(file: synced, tip: tip, directory: directory)
    }

    /// Makes an empty log. The key gets its name last, so that a log with a key is whole and one without is none.
    private static func make(in directory: AuditDirectory) throws(CoopError) -> ChainKey {
        guard try directory.logNumbers().isEmpty else {
            throw AuditFailure.altered("\(directory.path(of: AuditDirectory.Name.key).printable) is missing, and there are entries")
        }
        let bytes = ChainKey.random()
        let key = ChainKey(bytes)
        let empty = TipRecord(position: .beginning, boot: TipRecord.currentBoot())
        let files: [(String, [UInt8])] = [
            (AuditDirectory.Name.synced, empty.encoded(.synced, key: key)), (AuditDirectory.Name.tip, empty.encoded(.tip, key: key)),
            (AuditDirectory.Name.newKey, bytes),
        ]
        for (name, contents) in files {
            try directory.remove(name)
            guard let file = try directory.open(name, O_WRONLY | O_CREAT | O_EXCL) else {
                throw AuditFailure.replaced(directory.path(of: name))
            }
            do {
                try file.writeAll(contents, subject: directory.path(of: name))
                try check("fsync", directory.path(of: name)) { fsync(file.number) }
            } catch {
                throw AuditFailure.writing(error, directory: directory.path)
            }
        }
        try directory.rename(AuditDirectory.Name.newKey, to: AuditDirectory.Name.key)
        try directory.sync()
        return key
    }

    /// Makes sure that all of it is still where it was opened.
    func checkInPlace() throws(CoopError) {
        try directory.checkInPlace()
        try directory.checkInPlace(AuditDirectory.Name.lock, lock)
        try directory.checkInPlace(AuditDirectory.Name.tip, tip.descriptor)
        try directory.checkInPlace(AuditDirectory.Name.synced, synced.descriptor)
    }
}
