import CoopErrors
import Glibc
import LinuxKernel
import Review
import Synchronization
import Workspaces

/// The base of an overlay: the tree as it was at the start, with what was applied since, and everything that its contents can be had from.
struct OverlayBase: Sendable {
    let tree: BaseTree
    let accepted: [[UInt8]: AcceptedJournal.Entry]
    private let copies: BaseCopies
    private let copied: [Int: StoredContents.Place]
    private let directory: OverlayDirectory
    /// The user's tree; nil when it is gone.
    private let lower: BeneathDirectory?
    private let parsed = ParsedIndex()

    /// Bytes of the largest file that is read from git's objects.
    private static let blobLimit = 256 << 20

    /// - Parameter root: where the tree is now, if it has been moved since.
    init(_ directory: OverlayDirectory, root: String? = nil) throws(SystemError) {
        self.directory = directory
        var tree = try BaseTree(contentsOf: directory.tree)
        if let root { tree.root = root }
        self.tree = tree
        accepted = try AcceptedJournal(directory: directory.base).read()
        copies = BaseCopies(directory: directory.base)
        copied = try copies.read()
        do throws(SystemError) { lower = try BeneathDirectory(tree.root) } catch {
            guard error.errno == ENOENT || error.errno == ENOTDIR else { throw error }
            lower = nil
        }
    }

    /// What was at `path`; nil when nothing was.
    func version(of path: String) throws(SystemError) -> FileVersion? {
        if let entry = accepted[path.osBytes] { return entry.version }
        guard let index = tree.find(path) else { return nil }
        return try version(index, path)
    }

    /// What was at `path` in the tree, where it has this number. The content is looked for when it is opened.
    func version(_ index: Int, _ path: String) throws(SystemError) -> FileVersion {
        let entry = tree.entries[index]
        let attributes = try self.attributes(entry, path)
        switch entry.kind {
        case .file:
            return FileVersion(
                kind: .file, mode: entry.permissions, size: entry.size, attributes: attributes,
                source: {
                    if let file = try content(index, path) { return file }
                    throw CoopError(
                        .failed, "cannot read \(path.printable) as it was at the start",
                        "it has changed since, and no copy was made of it", next: "git log -p -- \(path.printable)")
                })
        case .symlink:
            let target = tree.target(of: index) ?? ""
            return plain(.symlink, path, mode: 0o777, size: UInt64(target.osBytes.count), target: target)
        case .directory: return plain(.directory, path, mode: entry.permissions, attributes: attributes)
        default: return plain(.other(what: OverlayBase.words(for: entry.kind)), path, mode: entry.permissions)
        }
    }

    private func plain(
        _ kind: FileVersion.Kind, _ path: String, mode: UInt32, size: UInt64 = 0, target: String? = nil, attributes: [String: [UInt8]] = [:]
    ) -> FileVersion {
        FileVersion(
            kind: kind, mode: mode, size: size, target: target, attributes: attributes,
            source: { throw SystemError("open", path, errno: EINVAL) })
    }

    /// What cannot be carried over, in words.
    static func words(for kind: FileKind?) -> String {
        switch kind {
        case .socket: "a socket"
        case .fifo: "a pipe"
        case .characterDevice, .blockDevice: "a device"
        default: "something unknown"
        }
    }

    // MARK: - The user's tree

    /// The status of `path` in the user's tree now; nil when nothing is there that is reached without a link.
    func status(_ path: String) throws(SystemError) -> stat? { try look(path)?.status }

    private func look(_ path: String) throws(SystemError) -> (handle: Descriptor, status: stat)? {
        guard let lower else { return nil }
        do throws(SystemError) {
            let handle = try lower.open(path, BeneathDirectory.pathOnly | O_NOFOLLOW)
            var status = stat()
            try check("fstat", path) { fstat(handle.number, &status) }
            return (handle, status)
        } catch {
            if error.isAbsence { return nil }
            throw error
        }
    }

    /// Attributes are not recorded: the tree's own count, which are the same unless the user has changed them.
    private func attributes(_ entry: BaseEntry, _ path: String) throws(SystemError) -> [String: [UInt8]] {
        guard entry.kind == .file || entry.kind == .directory, let lower else { return [:] }
        do throws(SystemError) {
            return try UpperLayer.userAttributes(of: lower.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY))
        } catch {
            // Gone, or something that is not opened (a pipe took its place; ENXIO: a socket); what its owner may not read shows none to anybody.
            if error.isAbsence || error.errno == EACCES || error.errno == ENXIO { return [:] }
            throw error
        }
    }

    /// A file in the user's tree as it is now.
    func live(_ path: String) throws(SystemError) -> Descriptor {
        guard let lower else { throw SystemError("open", tree.root, errno: ENOENT) }
        let file = try lower.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        var status = stat()
        try check("fstat", path) { fstat(file.number, &status) }
        guard FileKind(mode: status.st_mode) == .file else { throw SystemError("open", path, errno: EINVAL) }
        return file
    }

    /// What the user's tree has at `path` now, as an overlay shows it that has nothing there; nil when nothing is there.
    func liveVersion(_ path: String) throws(SystemError) -> FileVersion? {
        guard let (handle, status) = try look(path) else { return nil }
        let entry = BaseEntry(status, nameOffset: 0, nameLength: 0)
        let attributes = try self.attributes(entry, path)
        switch entry.kind {
        case .file:
            return FileVersion(
                kind: .file, mode: entry.permissions, size: entry.size, attributes: attributes, source: { try live(path) })
        case .symlink:
            guard let target = BeneathDirectory(descriptor: handle, path: path).readLink("") else { throw SystemError("readlinkat", path) }
            return plain(.symlink, path, mode: 0o777, size: UInt64(target.osBytes.count), target: target)
        case .directory: return plain(.directory, path, mode: entry.permissions, attributes: attributes)
        default: return plain(.other(what: OverlayBase.words(for: entry.kind)), path, mode: entry.permissions)
        }
    }

    func isUntouched(_ path: String) throws -> Bool {
        if let entry = accepted[path.osBytes] { return try isSame(entry.version, path) }
        let now = try status(path)
        guard let index = tree.find(path) else { return now == nil }
        guard let now else { return false }
        let entry = tree.entries[index]
        // A directory's times tell about its entries.
        if entry.kind == .directory { return entry.mode == UInt32(now.st_mode) }
        return entry.isSame(now)
    }

    /// What was applied is compared as a whole: the tree has got it since the look at it.
    private func isSame(_ version: FileVersion?, _ path: String) throws -> Bool {
        let now = try liveVersion(path)
        guard let version else { return now == nil }
        guard let now, now.kind == version.kind, now.mode == version.mode, now.target == version.target,
            now.attributes == version.attributes
        else { return false }
        guard version.kind == .file else { return true }
        return try now.size == version.size && Contents.areEqual(now.open(), version.open())
    }

    // MARK: - Contents

    /// The content of a file as it was; nil when it is lost, and when a place where it may be kept cannot be read: it is never guessed.
    func content(_ index: Int, _ path: String) throws -> Descriptor? {
        let entry = tree.entries[index]
        if let file = try? live(path) {
            var status = stat()
            if fstat(file.number, &status) == 0, entry.isSame(status) { return file }
        }
        if let place = copied[index] { return try copies.open(place) }
        guard let index = self.index(), let object = index.object(of: entry, at: path.osBytes),
            let git = try? HostGit.find(path: OverlayBase.searchPath),
            let blobs = (try? GitBlobs(of: tree.root, git: git, views: directory.view, limit: OverlayBase.blobLimit)) ?? nil,
            let bytes = try blobs.read(object, length: entry.size)
        else { return nil }
        return try Descriptor.memory(bytes)
    }

    private static var searchPath: String { getenv("PATH").map { String(osBytes: UnsafePointer($0)) } ?? "/usr/bin:/bin" }

    /// Git's index as it was at the start; nil as well where it cannot be read, and then nothing counts as kept by git.
    func index() -> GitIndex? {
        parsed.value {
            guard let time = tree.indexTime, let bytes = try? FileSystem.read(directory.index, limit: 2 << 30) else { return nil }
            return GitIndex(bytes, time: time)
        }
    }

    /// Read when somebody asks for the first time.
    private final class ParsedIndex: Sendable {
        private let index = Mutex<GitIndex??>(nil)

        func value(_ read: () -> GitIndex?) -> GitIndex? {
            index.withLock { index in
                if let index { return index }
                let found = read()
                index = .some(found)
                return found
            }
        }
    }

    func hasCopy(_ index: Int) -> Bool { copied[index] != nil }
}
