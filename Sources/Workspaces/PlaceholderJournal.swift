import CoopErrors
import Glibc
import LinuxKernel

/// Empty directories that coop makes in a workspace for the time of a session, so that a read-only mount can be there.
///
/// Which ones is written down before the first is made. A session's journal is a directory `<session>.placeholders` with one
/// symbolic link for the workspace (`root`) and one for each placeholder, whose texts are the paths. Links are metadata, and a
/// journaling file system brings metadata to the disk in the order it was made: after a power loss no placeholder is there whose
/// link is not, and a start does not wait for the disk (fsync(2) took 25 ms where this was measured). Where journal and workspace
/// are on different file systems, which know of no common order, the journal is synchronised first.
///
/// The file `lock` in it is locked (flock(2)) as long as the session lives, so that a later coop sees that a session was killed
/// and removes what it left. A placeholder is removed only when no other session's journal names it, only when it is empty, and
/// never by following a link.
public final class PlaceholderJournal: Sendable {
    /// The journal's file, locked. Whoever holds a duplicate keeps the session alive.
    public let file: Descriptor
    /// The placeholders this session relies on, made by it or by another living one.
    public let paths: [String]
    private let directory: String
    private let session: String

    private init(file: Descriptor, paths: [String], directory: String, session: String) {
        self.file = file
        self.paths = paths
        self.directory = directory
        self.session = session
    }

    private static let ending = ".placeholders"

    /// Makes the placeholders of a plan; nil when there is nothing to make or to share.
    ///
    /// - Parameters:
    ///   - directory: where the journals of all sessions lie; coop's own.
    ///   - session: the session's id.
    ///   - step: called before each effect; a test throws from it.
    public static func create(
        for plan: ProtectionPlan, session: String, in directory: String, step: (String) throws -> Void = { _ in }
    ) throws -> PlaceholderJournal? {
        try describing("cannot make placeholders in \(plan.root.printable)") {
            try FileSystem.makeDirectories(directory)
            let mutex = try lock(directory)
            defer { withExtendedLifetime(mutex) {} }
            let root = try BeneathDirectory(plan.root)
            let others = try journals(directory, except: session).filter { $0.root == plan.root }
            let shared = Set(others.flatMap(\.paths))
            var paths: [String] = []
            for path in plan.candidates {
                for level in levels(path) {
                    let exists = try exists(level, root)
                    // What exists and is nobody's placeholder is the user's own.
                    if !exists && (plan.placeholders.contains(path) || shared.contains(path)) || exists && shared.contains(level),
                        !paths.contains(level)
                    {
                        paths.append(level)
                    }
                }
            }
            if paths.isEmpty { return nil }
            let file = try write(root, paths, FileSystem.join(directory, session + ending))
            for path in paths {
                try step(path)
                let (parent, name) = ProtectedPaths.split(path)
                let holder = try root.directory(parent)
                if name.withOSBytes({ mkdirat(holder.descriptor.number, $0, 0o755) }) != 0, errno != EEXIST {
                    throw SystemError("mkdir", FileSystem.join(plan.root, path))
                }
            }
            return PlaceholderJournal(file: file, paths: paths, directory: directory, session: session)
        }
    }

    /// Removes this session's placeholders, except those another session relies on, and then its journal.
    ///
    /// - Returns: placeholders that stay because something is in them.
    @discardableResult
    public func remove() throws -> [String] {
        try describing("cannot remove placeholders") {
            let mutex = try PlaceholderJournal.lock(directory)
            defer { withExtendedLifetime(mutex) {} }
            return try PlaceholderJournal.remove(session, directory)
        }
    }

    /// Removes what sessions left that were killed.
    ///
    /// - Returns: their ids.
    @discardableResult
    public static func sweep(_ directory: String) throws -> [String] {
        guard FileSystem.kind(directory) == .directory else { return [] }
        return try describing("cannot remove the placeholders of earlier sessions") {
            let mutex = try lock(directory)
            defer { withExtendedLifetime(mutex) {} }
            var swept: [String] = []
            for name in try FileSystem.list(directory) where name.hasSuffix(ending) {
                // Journals are made under the mutex: one without a lock file was not finished by anybody.
                let lock = FileSystem.join(FileSystem.join(directory, name), "lock")
                if FileSystem.kind(lock, followLinks: false) != nil {
                    let file = try Descriptor.open(lock, O_RDWR | O_NOFOLLOW)
                    if flock(file.number, LOCK_EX | LOCK_NB) != 0 { continue }
                }
                let session = String(name.dropLast(ending.count))
                try remove(session, directory)
                swept.append(session)
            }
            return swept
        }
    }

    // MARK: - Under the mutex

    private struct Record {
        var root: String
        var paths: [String]
    }

    /// One session at a time changes journals and placeholders.
    private static func lock(_ directory: String) throws(SystemError) -> Descriptor {
        let path = FileSystem.join(directory, ".lock")
        let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        try check("flock", path) { flock(file.number, LOCK_EX) }
        return file
    }

    @discardableResult
    private static func remove(_ session: String, _ directory: String) throws(SystemError) -> [String] {
        let journal = FileSystem.join(directory, session + ending)
        guard let own = try read(journal) else {
            // A journal that was never completed: nothing was made yet.
            try FileSystem.removeTree(journal)
            return []
        }
        let needed = Set(try journals(directory, except: session).filter { $0.root == own.root }.flatMap(\.paths))
        var kept: [String] = []
        let root: BeneathDirectory
        do {
            root = try BeneathDirectory(own.root)
        } catch  where error.errno == ENOENT || error.errno == ENOTDIR {
            // The workspace itself is gone, and its placeholders with it.
            try FileSystem.removeTree(journal)
            return []
        }
        for path in own.paths.reversed() where !needed.contains(path) {
            let (parent, name) = ProtectedPaths.split(path)
            guard let holder = try? root.directory(parent) else { continue }
            if name.withOSBytes({ unlinkat(holder.descriptor.number, $0, AT_REMOVEDIR) }) == 0 { continue }
            if errno == ENOTEMPTY || errno == EEXIST { kept.append(path) }
        }
        try FileSystem.removeTree(journal)
        return kept
    }

    private static func journals(_ directory: String, except session: String) throws(SystemError) -> [Record] {
        var result: [Record] = []
        for name in try FileSystem.list(directory) where name.hasSuffix(ending) && name != session + ending {
            if let record = try read(FileSystem.join(directory, name)) { result.append(record) }
        }
        return result
    }

    /// Makes a journal and returns its locked file.
    private static func write(_ root: BeneathDirectory, _ paths: [String], _ journal: String) throws(SystemError) -> Descriptor {
        if FileSystem.kind(journal, followLinks: false) != nil {
            // A session's id is not used twice; should it be, the living one keeps its journal.
            throw SystemError("mkdir", journal, errno: EEXIST)
        }
        try FileSystem.makeDirectories(journal)
        let lock = FileSystem.join(journal, "lock")
        let file = try Descriptor.open(lock, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        try check("flock", lock) { flock(file.number, LOCK_EX | LOCK_NB) }
        for (name, text) in [("root", root.path)] + paths.enumerated().map({ (String($0.offset), $0.element) }) {
            let path = FileSystem.join(journal, name)
            try check("symlink", path) { text.withOSBytes { text in path.withOSBytes { symlink(text, $0) } } }
        }
        if let here = try FileSystem.status(journal), let there = try root.status("."), here.st_dev != there.st_dev {
            for directory in [journal, FileSystem.parent(of: journal)] {
                let handle = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
                try check("fsync", directory) { fsync(handle.number) }
            }
        }
        return file
    }

    /// A journal; nil when it names no workspace.
    private static func read(_ journal: String) throws(SystemError) -> Record? {
        guard let root = FileSystem.readLink(FileSystem.join(journal, "root")), root.hasPrefix("/") else { return nil }
        var numbered: [(number: Int, path: String)] = []
        for name in try FileSystem.list(journal) {
            if let number = Int(name), let path = FileSystem.readLink(FileSystem.join(journal, name)) { numbered.append((number, path)) }
        }
        return Record(root: root, paths: numbered.sorted { $0.number < $1.number }.map(\.path))
    }

    /// `a/b/c` as `a`, `a/b`, `a/b/c`.
    private static func levels(_ path: String) -> [String] {
        let parts = path.split(separator: "/")
        return parts.indices.map { parts[...$0].joined(separator: "/") }
    }

    private static func exists(_ path: String, _ root: BeneathDirectory) throws(SystemError) -> Bool {
        let (parent, name) = ProtectedPaths.split(path)
        do {
            return try root.directory(parent).status(name) != nil
        } catch  where error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP {
            return false
        }
    }
}
