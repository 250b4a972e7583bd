import LinuxKernel

extension LandingStore {
    /// Whether a transaction with this note has neither been finished nor taken back: it is being made, or has to be recovered.
    package func isPending(_ note: (LandingNote) -> Bool) throws -> Bool {
        guard try FileSystem.kindIfPresent(pending) == .directory else { return false }
        return try FileSystem.list(pending).contains { id in
            let path = FileSystem.join(FileSystem.join(pending, id), "journal")
            guard try FileSystem.kindIfPresent(path) == .file else { return false }
            return note(try TransactionJournal(try FileSystem.read(path, limit: LandingRecord.journalLimit), path: path).note)
        }
    }
}
