import CoopErrors
import Glibc
import LinuxKernel

/// Empty directories that coop makes in a workspace for the time of a session, so that a read-only mount can be there.
///
/// Which ones is written down, and on disk, before the first is made. The journal's file is locked (flock(2)) as long as its
/// session lives, so that a later coop sees that a session was killed and removes what it left. A placeholder is removed only when
/// no other session's journal names it, only when it is empty, and never by following a link.
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

    private static let signature = "coop placeholders 1"
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
                    if (!exists && (plan.placeholders.contains(path) || shared.contains(path)) || exists && shared.contains(level)),
                        !paths.contains(level)
                    {
                        paths.append(level)
                    }
                }
            }
            if paths.isEmpty { return nil }
            let name = FileSystem.join(directory, session + ending)
            let bytes = record(plan.root, paths)
            let file = try Descriptor.open(name, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            try check("flock", name) { flock(file.number, LOCK_EX | LOCK_NB) }
            try check("ftruncate", name) { ftruncate(file.number, 0) }
            try file.writeAll(bytes, subject: name)
            try check("fsync", name) { fsync(file.number) }
            let handle = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
            try check("fsync", directory) { fsync(handle.number) }
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
                let path = FileSystem.join(directory, name)
                let file = try Descriptor.open(path, O_RDWR | O_NOFOLLOW)
                if flock(file.number, LOCK_EX | LOCK_NB) != 0 { continue }
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
        let file = FileSystem.join(directory, session + ending)
        guard let bytes = try FileBytes.contents(file), let own = parse(bytes) else {
            // A journal that was never completed: nothing was made yet.
            try FileSystem.removeFile(file)
            return []
        }
        let needed = Set(try journals(directory, except: session).filter { $0.root == own.root }.flatMap(\.paths))
        var kept: [String] = []
        let root: BeneathDirectory
        do {
            root = try BeneathDirectory(own.root)
        } catch where error.errno == ENOENT || error.errno == ENOTDIR {
            // The workspace itself is gone, and its placeholders with it.
            try FileSystem.removeFile(file)
            return []
        }
        for path in own.paths.reversed() where !needed.contains(path) {
            let (parent, name) = ProtectedPaths.split(path)
            guard let holder = try? root.directory(parent) else { continue }
            if name.withOSBytes({ unlinkat(holder.descriptor.number, $0, AT_REMOVEDIR) }) == 0 { continue }
            if errno == ENOTEMPTY || errno == EEXIST { kept.append(path) }
        }
        try FileSystem.removeFile(file)
        return kept
    }

    private static func journals(_ directory: String, except session: String) throws(SystemError) -> [Record] {
        var result: [Record] = []
        for name in try FileSystem.list(directory) where name.hasSuffix(ending) && name != session + ending {
            if let bytes = try FileBytes.contents(FileSystem.join(directory, name)), let record = parse(bytes) { result.append(record) }
        }
        return result
    }

    private static func record(_ root: String, _ paths: [String]) -> [UInt8] {
        Array(([signature, root] + paths + ["end"]).map(\.osBytes).joined(separator: [0]))
    }

    private static func parse(_ bytes: [UInt8]) -> Record? {
        let fields = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(osBytes: $0) }
        guard fields.count >= 3, fields[0] == signature, fields.last == "end", fields[1].hasPrefix("/") else { return nil }
        return Record(root: fields[1], paths: Array(fields[2..<(fields.count - 1)]))
    }

    /// `a/b/c` as `a`, `a/b`, `a/b/c`.
    private static func levels(_ path: String) -> [String] {
        let parts = FileSystem.components(of: path)
        return parts.indices.map { parts[...$0].joined(separator: "/") }
    }

    private static func exists(_ path: String, _ root: BeneathDirectory) throws(SystemError) -> Bool {
        let (parent, name) = ProtectedPaths.split(path)
        do {
            return try root.directory(parent).status(name) != nil
        } catch where error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP {
            return false
        }
    }
}
