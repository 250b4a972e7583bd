import CoopErrors
import Glibc
import LinuxKernel

/// Empty directories that coop makes in a workspace for the time of a session, so that a read-only mount can be there.
///
/// Which ones is written down before the first is made. The journal's file is locked (flock(2)) as long as its session lives, so
/// that a later coop sees that a session was killed and removes what it left. A placeholder is removed only when no other session's
/// journal names it, only when it is empty, and never by following a link.
///
/// A journal that a power loss has swallowed is not missed: a start-up cannot wait for a disk, so a placeholder is recognisable by
/// itself, an empty directory with one certain time of modification, and ``recover(root:in:agents:)`` finds it.
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
    ///   - step: called before each effect; a test throws from it, and what was made stays as if coop had been killed there.
    public static func create(
        for plan: ProtectionPlan, session: String, in directory: String, step: (String) throws -> Void = { _ in }
    ) throws -> PlaceholderJournal? {
        try describing(
            "cannot make placeholders in \(plan.root.printable)",
            next: "coop run --workspace overlay …   # or make the directory writable"
        ) {
            try FileSystem.makeDirectories(directory)
            let mutex = try lock(directory)
            defer { withExtendedLifetime(mutex) {} }
            let root = try BeneathDirectory(plan.root)
            let others = try journals(directory, except: session).filter { $0.root == plan.root }
            let shared = others.flatMap(\.paths)
            var paths: [String] = []
            for path in plan.candidates + plan.mountPoints {
                for level in levels(path) {
                    let exists = try exists(level, root)
                    // What exists and is nobody's placeholder is the user's own.
                    let isPlaceholder = try exists && (shared.contains(level) || isMarked(level, root))
                    if (!exists && (plan.placeholders.contains(path) || plan.mountPoints.contains(path) || shared.contains(path))
                        || isPlaceholder),
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
            var made: [String] = []
            var pool = PlaceholderPool(in: directory)
            for path in paths {
                try step(path)
                do throws(SystemError) {
                    let (parent, name) = ProtectedPaths.split(path)
                    let holder = try root.holder(parent)
                    if pool.take(to: holder.descriptor, name) {
                        // It is marked, unless another one follows inside.
                        if paths.contains(where: { FileSystem.parent(of: $0) == path }) { made.append(path) }
                    } else if name.withOSBytes({ mkdirat(holder.descriptor.number, $0, 0o755) }) == 0 {
                        made.append(path)
                    } else if errno != EEXIST {
                        throw SystemError("mkdir", FileSystem.join(plan.root, path))
                    }
                } catch {
                    // Nobody else will: a session that cannot start leaves nothing by which it could be found.
                    _ = try? remove(session, directory)
                    throw error
                }
            }
            // Afterwards, since making one inside another changes the outer one's time.
            for path in made { try mark(path, root) }
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

    /// Removes what sessions left that were killed. With nothing to do it costs one directory listing.
    ///
    /// - Parameter isMeant: which sessions it is about; all of them else.
    /// - Returns: their ids.
    /// - Throws: the first failure, after all the others have been seen to. A journal stays as long as its workspace cannot be entered.
    @discardableResult
    public static func sweep(_ directory: String, where isMeant: (String) -> Bool = { _ in true }) throws -> [String] {
        guard try FileSystem.kindIfPresent(directory) == .directory else { return [] }
        var failure: (any Error)?
        var swept: [String] = []
        try describing("cannot remove the placeholders of earlier sessions") {
            let sessions = try FileSystem.list(directory).filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }
                .filter(isMeant)
            if sessions.isEmpty { return }
            let mutex = try lock(directory)
            defer { withExtendedLifetime(mutex) {} }
            for session in sessions {
                let path = FileSystem.join(directory, session + ending)
                // Its session may have ended since.
                guard try FileSystem.kindIfPresent(path, followLinks: false) != nil else { continue }
                let file = try Descriptor.open(path, O_RDWR | O_NOFOLLOW)
                if flock(file.number, LOCK_EX | LOCK_NB) != 0 { continue }
                do {
                    try describing(
                        "cannot remove the placeholders of session \(session.printable)",
                        next: "chmod u+rwx WORKSPACE   # or give them up: rm \(path.printable)"
                    ) { _ = try remove(session, directory) }
                    swept.append(session)
                } catch { failure = failure ?? error }
            }
        }
        if let failure { throw failure }
        return swept
    }

    /// Removes placeholders that no journal knows, which only a power loss leaves.
    ///
    /// - Parameters:
    ///   - root: a workspace; nothing happens when it is gone.
    ///   - directory: where the journals of all sessions lie.
    ///   - agents: what agents obey, as ``ProtectedPaths/plan(root:agents:extra:)`` got it.
    public static func recover(root: String, in directory: String, agents: [ProtectedPaths.Entry] = []) throws {
        guard FileSystem.kind(root) == .directory, try FileSystem.kindIfPresent(directory) == .directory else { return }
        try describing("cannot remove old placeholders in \(root.printable)") {
            let mutex = try lock(directory)
            defer { withExtendedLifetime(mutex) {} }
            let needed = Set(try journals(directory, except: "").filter { $0.root == root }.flatMap(\.paths))
            let top = try BeneathDirectory(root)
            for entry in ProtectedPaths.entries(agents) where entry.placeholder {
                for path in levels(entry.path).reversed() where try !needed.contains(path) && isMarked(path, top) {
                    let (parent, name) = ProtectedPaths.split(path)
                    let holder = try top.directory(parent)
                    // Not empty: somebody uses it by now.
                    _ = name.withOSBytes { unlinkat(holder.descriptor.number, $0, AT_REMOVEDIR) }
                }
            }
        }
    }

    /// 4 April 2001, with nanoseconds that no tool writes.
    private static let marker = timespec(tv_sec: 986_342_400, tv_nsec: 204_060_801)

    private static func mark(_ path: String, _ root: BeneathDirectory) throws(SystemError) {
        let (parent, name) = ProtectedPaths.split(path)
        let holder = try root.holder(parent)
        let times = [marker, marker]
        // Where a file system cannot keep it, only a power loss leaves an empty directory behind.
        _ = name.withOSBytes { utimensat(holder.descriptor.number, $0, times, AT_SYMLINK_NOFOLLOW) }
    }

    private static func isMarked(_ path: String, _ root: BeneathDirectory) throws(SystemError) -> Bool {
        let (parent, name) = ProtectedPaths.split(path)
        guard let holder = try? root.holder(parent), let found = try holder.status(name) else { return false }
        return isPlaceholder(found)
    }

    /// Whether this is an empty directory that some session made.
    static func isPlaceholder(_ found: stat) -> Bool {
        FileKind(mode: found.st_mode) == .directory && found.st_mtim.tv_sec == marker.tv_sec && found.st_mtim.tv_nsec == marker.tv_nsec
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
        var failure: SystemError?
        let root: BeneathDirectory
        do {
            root = try BeneathDirectory(own.root)
        } catch  where error.errno == ENOENT || error.errno == ENOTDIR {
            // The workspace itself is gone, and its placeholders with it.
            try FileSystem.removeFile(file)
            return []
        }
        var pool = PlaceholderPool(in: directory)
        for path in own.paths.reversed() where !needed.contains(path) {
            let (parent, name) = ProtectedPaths.split(path)
            do throws(SystemError) {
                let holder = try root.holder(parent)
                if pool.put(from: holder.descriptor, name) { continue }
                if name.withOSBytes({ unlinkat(holder.descriptor.number, $0, AT_REMOVEDIR) }) == 0 { continue }
                guard errno == ENOTEMPTY || errno == EEXIST else { throw SystemError("rmdir", FileSystem.join(own.root, path)) }
                kept.append(path)
            } catch {
                // A session can take its user's rights away; with them back another attempt succeeds. Else it is gone, or something else is
                // there by now.
                if error.errno == EACCES { failure = failure ?? error }
            }
        }
        if let failure { throw failure }
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
            return try root.holder(parent).status(name) != nil
        } catch  where error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP {
            return false
        }
    }
}
