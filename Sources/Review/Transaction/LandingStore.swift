import CoopErrors
import Glibc
import LinuxKernel

/// Where landings are kept: `pending/ID` while one is being made, `done/ROOT/ID` for the undo afterwards. It lies in `$COOP_HOME`, since
/// what it holds decides what is put into the user's tree.
public struct LandingStore: Sendable {
    /// How many landings of one tree can be taken back.
    static let undoLimit = 10

    /// `$COOP_HOME/state/landing`, mode 0700; made when it is needed.
    public let directory: String

    public init(directory: String) { self.directory = directory }

    var pending: String { FileSystem.join(directory, "pending") }

    /// Where the finished ones of a tree are.
    func done(root: String) -> String {
        // FNV-1a: only a name, the journal says which tree it is.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in root.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return FileSystem.join(FileSystem.join(directory, "done"), String(hash, radix: 16))
    }

    // MARK: - Locks

    /// One transaction at a time works in trees, and one process at a time recovers; released when the descriptor is closed, or its
    /// process ends in whatever way (flock(2)).
    ///
    /// - Returns: nil where somebody else has it and `waits` is false.
    func lock(waits: Bool) throws(SystemError) -> Descriptor? {
        try FileSystem.makeDirectories(directory)
        return try LandingStore.lock(FileSystem.join(directory, "lock"), waits: waits)
    }

    static func lock(_ path: String, waits: Bool) throws(SystemError) -> Descriptor? {
        let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        while flock(file.number, waits ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return nil }
            if errno != EINTR { throw SystemError("flock", path) }
        }
        return file
    }

    // MARK: - One that begins

    /// Makes the directory of a new transaction, and holds its lock: whoever recovers passes it over.
    func begin() throws(SystemError) -> (id: String, directory: String, lock: Descriptor) {
        let gate = try lock(waits: true)
        defer { _ = gate }
        try FileSystem.makeDirectories(pending)
        let id = try nextID()
        let path = FileSystem.join(pending, id)
        try FileSystem.makeDirectories(path)
        guard let lock = try LandingStore.lock(FileSystem.join(path, "lock"), waits: true) else {
            throw SystemError("flock", path, errno: EWOULDBLOCK)
        }
        return (id, path, lock)
    }

    /// Names that sort as they were made.
    private func nextID() throws(SystemError) -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var number = UInt64(max(0, time.tv_sec)) << 20 | UInt64(time.tv_nsec) >> 10
        func name() -> String {
            let text = String(number, radix: 16)
            return String(repeating: "0", count: max(0, 14 - text.utf8.count)) + text
        }
        while try FileSystem.kindIfPresent(FileSystem.join(pending, name())) != nil { number += 1 }
        return name()
    }

    // MARK: - Those that are done

    /// The landings in a tree that can be taken back, the latest first.
    ///
    /// - Throws: `CoopError` for one that is damaged.
    public func records(root: String) throws -> [LandingRecord] { try ids(root: root).compactMap { try record($0, root: root) } }

    /// The latest landing in a tree that is meant.
    ///
    /// - Throws: `CoopError` when there is a later one that cannot be read: it may be the one that is meant, and what it did lies on top of the
    ///   one that would be found.
    public func latest(root: String, where isMeant: (LandingRecord) -> Bool) throws -> LandingRecord? {
        for id in try ids(root: root) {
            if let record = try record(id, root: root), isMeant(record) { return record }
        }
        return nil
    }

    /// Of all that are kept for a tree, the latest first.
    private func ids(root: String) throws(SystemError) -> [String] {
        let directory = done(root: root)
        guard try FileSystem.kindIfPresent(directory) == .directory else { return [] }
        return try FileSystem.list(directory).sorted().reversed()
    }

    /// - Returns: nil for one of another tree.
    private func record(_ id: String, root: String) throws -> LandingRecord? {
        let directory = FileSystem.join(done(root: root), id)
        do {
            let record = try LandingRecord(id: id, directory: directory)
            return record.root.utf8.elementsEqual(root.utf8) ? record : nil
        } catch {
            // Another command has removed it in this moment.
            if try FileSystem.kindIfPresent(directory) == nil { return nil }
            throw CoopError(
                .failed, "cannot read what is kept of a landing in \(root.printable)", "\((error as? CoopError)?.message ?? "\(error)")",
                next: "rm -r \(directory.printable)   # then it cannot be taken back")
        }
    }

    /// Forgets a landing: it cannot be taken back any more.
    public func forget(_ record: LandingRecord) throws { try FileSystem.removeTree(record.directory) }

    /// Keeps the latest of a tree.
    func prune(root: String) throws(SystemError) {
        let directory = done(root: root)
        guard try FileSystem.kindIfPresent(directory) == .directory else { return }
        for id in try FileSystem.list(directory).sorted().dropLast(LandingStore.undoLimit) {
            try FileSystem.removeTree(FileSystem.join(directory, id))
        }
    }
}
