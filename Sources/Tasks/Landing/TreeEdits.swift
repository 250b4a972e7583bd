import CoopErrors
import Glibc
import LinuxKernel
import Review
import Workspaces

/// The edits that bring a working tree from one tree of the repository to another, directories included, as git makes them.
struct TreeEdits {
    private(set) var edits: [TreeEdit] = []
    /// Paths where something is in the way that git does not know of; nothing of it may be overwritten.
    private(set) var inTheWay: [String] = []
    private let root: BeneathDirectory
    private var removed: Set<PathBytes> = []
    private var added: Set<PathBytes> = []

    /// - Parameters:
    ///   - changes: without those that are not to be in the working tree (sparse checkouts).
    ///   - root: the working tree. Every changed path must be as the old tree has it.
    init(_ changes: [TreeChange], files: CheckedOutFiles, root: String) throws {
        self.root = try describing("cannot open \(root.printable)") { try BeneathDirectory(root) }
        for change in changes {
            if change.after == nil { removed.insert(PathBytes(change.path)) }
            if change.before == nil { added.insert(PathBytes(change.path)) }
        }
        try describing("cannot look at \(root.printable)") {
            try addDirectories(changes)
            for change in changes { try add(change, files) }
            try removeEmptyDirectories(changes)
            inTheWay.sort()
        }
    }

    // MARK: - Looking

    private enum Found {
        case nothing
        case object(Fingerprint)
        /// A part of the way is a link, or no directory.
        case blocked
    }

    private func look(_ path: String) throws(SystemError) -> Found {
        let parent = FileSystem.parent(of: "/" + path)
        do throws(SystemError) {
            let directory = parent == "/" ? root : try root.directory(String(parent.dropFirst()))
            guard let status = try directory.status(FileSystem.lastComponent(of: path)), let found = Fingerprint(status) else {
                return .nothing
            }
            return .object(found)
        } catch {
            switch error.errno {
            case ENOENT: return .nothing
            case ELOOP, ENOTDIR: return .blocked
            default: throw error
            }
        }
    }

    // MARK: - Files

    private mutating func add(_ change: TreeChange, _ files: CheckedOutFiles) throws {
        if let after = change.after, after.isRepository { return try addRepository(change) }
        if change.before?.isRepository == true { return try removeRepository(change, files) }
        let version = try change.after == nil ? nil : files.version(at: change.path)
        if change.after != nil, version == nil {
            throw CoopError(
                .failed, "cannot check out \(change.path.printable)", "git did not make it", next: "git fsck --connectivity-only")
        }
        let found = try look(change.path)
        switch (change.before, found) {
        case (nil, .nothing): edits.append(TreeEdit(path: change.path, expected: nil, version: version))
        case (nil, .blocked) where isMadeDirectory(FileSystem.parent(of: "/" + change.path)):
            edits.append(TreeEdit(path: change.path, expected: nil, version: version))
        case (nil, .object(let now)) where now.kind == .directory && isEmptied(change.path):
            edits.append(TreeEdit(path: change.path, expected: now, version: version))
        case (nil, _), (.some, .blocked): inTheWay.append(change.path)
        case (.some, .nothing):
            // It is gone already, and is to go.
            if version != nil { inTheWay.append(change.path) }
        case (.some, .object(let now)):
            // Where files come below, the directory's own edit has it.
            if version == nil, directories.contains(PathBytes(change.path)) { return }
            edits.append(TreeEdit(path: change.path, expected: now, version: version))
        }
    }

    /// Another repository gets an empty directory, as git does; what is there is that repository's.
    private mutating func addRepository(_ change: TreeChange) throws {
        switch try look(change.path) {
        case .nothing: edits.append(TreeEdit(path: change.path, expected: nil, version: directory()))
        case .object(let now) where now.kind == .directory: return
        case .object(let now) where change.before != nil:
            edits.append(TreeEdit(path: change.path, expected: now, version: directory()))
        case .object, .blocked: inTheWay.append(change.path)
        }
    }

    /// A repository that has files stays where it is.
    private mutating func removeRepository(_ change: TreeChange, _ files: CheckedOutFiles) throws {
        guard case .object(let now) = try look(change.path), now.kind == .directory else {
            if change.after != nil { inTheWay.append(change.path) }
            return
        }
        let isEmpty = try root.directory(change.path).entries(limit: 1).isEmpty
        if isEmpty {
            edits.append(TreeEdit(path: change.path, expected: now, version: try files.version(at: change.path)))
        } else if change.after != nil {
            inTheWay.append(change.path)
        }
    }

    // MARK: - Directories

    /// Those that have to be made, the upper ones first.
    private var directories: Set<PathBytes> = []

    private func directory() -> FileVersion {
        FileVersion(kind: .directory, mode: 0o777 & ~CheckedOutFiles.mask) { throw SystemError("open", "", errno: EISDIR) }
    }

    private func isMadeDirectory(_ parent: String) -> Bool { directories.contains(PathBytes(String(parent.dropFirst()))) }

    private mutating func addDirectories(_ changes: [TreeChange]) throws(SystemError) {
        var known: Set<PathBytes> = []
        for change in changes where change.after != nil {
            var missing: [String] = []
            var level = FileSystem.parent(of: "/" + change.path)
            while level != "/", !known.contains(PathBytes(level)) {
                known.insert(PathBytes(level))
                missing.append(String(level.dropFirst()))
                level = FileSystem.parent(of: level)
            }
            for path in missing.reversed() {
                switch try look(path) {
                case .object(let now) where now.kind == .directory: continue
                case .object(let now):
                    // A file that becomes a directory.
                    if removed.contains(PathBytes(path)) {
                        edits.append(TreeEdit(path: path, expected: now, version: directory()))
                        directories.insert(PathBytes(path))
                    } else {
                        inTheWay.append(path)
                    }
                case .nothing:
                    edits.append(TreeEdit(path: path, expected: nil, version: directory()))
                    directories.insert(PathBytes(path))
                case .blocked:
                    let parent = String(FileSystem.parent(of: "/" + path).dropFirst())
                    guard directories.contains(PathBytes(parent)) else { continue }
                    edits.append(TreeEdit(path: path, expected: nil, version: directory()))
                    directories.insert(PathBytes(path))
                }
            }
        }
    }

    /// Whether everything below a directory is to go; adds the edits for directories in it. What cannot be looked at stays, and is in the way.
    private mutating func isEmptied(_ path: String) -> Bool {
        guard let directory = try? root.directory(path), let entries = try? directory.entries() else { return false }
        var inner: [TreeEdit] = []
        for entry in entries {
            let child = path + "/" + entry.name
            if removed.contains(PathBytes(child)) { continue }
            guard entry.kind == .directory, case .object(let now)? = try? look(child), isEmptied(child) else { return false }
            inner.append(TreeEdit(path: child, expected: now, version: nil))
        }
        for edit in inner {
            removed.insert(PathBytes(edit.path))
            edits.append(edit)
        }
        return true
    }

    /// A directory goes with the last of its files.
    private mutating func removeEmptyDirectories(_ changes: [TreeChange]) throws(SystemError) {
        var candidates: Set<PathBytes> = []
        var kept: Set<PathBytes> = []
        for change in changes {
            var level = FileSystem.parent(of: "/" + change.path)
            while level != "/" {
                let path = PathBytes(String(level.dropFirst()))
                let isNew = change.after == nil ? candidates.insert(path).inserted : kept.insert(path).inserted
                if !isNew { break }
                level = FileSystem.parent(of: level)
            }
        }
        // The deepest first: a directory counts as gone for the one above it.
        for path in candidates.subtracting(kept).sorted(by: >) where !removed.contains(path) && !added.contains(path) {
            guard case .object(let now) = try look(path.path), now.kind == .directory else { continue }
            let directory: BeneathDirectory
            do throws(SystemError) { directory = try root.directory(path.path) } catch {
                if error.errno == EACCES { continue }
                throw error
            }
            let isEmptied = try directory.entries().allSatisfy { removed.contains(PathBytes(path.path + "/" + $0.name)) }
            guard isEmptied else { continue }
            edits.append(TreeEdit(path: path.path, expected: now, version: nil))
            removed.insert(path)
        }
    }
}
