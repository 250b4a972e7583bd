import Glibc
import LinuxKernel
import Workspaces

/// How the tree is where a transaction is going to change it.
struct TreeSurvey {
    /// Who owns what is going to be replaced, and the directories it lies in.
    struct Owner {
        var user: uid_t
        var group: gid_t
        var mode: mode_t
    }

    private(set) var owners: [PathBytes: Owner] = [:]
    private(set) var closed: [StepOrder.Closed] = []
    /// Attributes of the directories that stay and are edited.
    private(set) var attributes: [PathBytes: [String: [UInt8]]] = [:]
    /// What is to be removed.
    private var removed: Set<PathBytes> = []
    private let root: BeneathDirectory
    private let device: dev_t

    /// - Throws: `StepRunner.Conflict` where a path is not what the edit expects.
    init(edits: [TreeEdit], root: BeneathDirectory) throws {
        self.root = root
        var status = stat()
        try check("fstat", root.path) { fstat(root.descriptor.number, &status) }
        device = status.st_dev
        var made: Set<PathBytes> = []
        var seen: Set<PathBytes> = []
        for edit in edits {
            try TreeSurvey.checkName(edit.path)
            guard seen.insert(PathBytes(edit.path)).inserted else {
                throw StepRunner.Conflict(path: edit.path, reason: "it is named twice")
            }
            if edit.version == nil { removed.insert(PathBytes(edit.path)) }
            if edit.version?.kind == .directory, edit.expected?.kind != .directory { made.insert(PathBytes(edit.path)) }
            if case .other(let what)? = edit.version?.kind {
                throw StepRunner.Conflict(path: edit.path, reason: "\(what) cannot be carried over")
            }
        }
        var holder: (path: String, directory: Descriptor)?
        for edit in edits {
            let parent = TransactionTree.parent(of: edit.path)
            if made.contains(PathBytes(parent)) {
                guard edit.expected == nil else { throw StepRunner.Conflict(path: edit.path, reason: "it is gone") }
                continue
            }
            if holder.map({ !$0.path.utf8.elementsEqual(parent.utf8) }) ?? true {
                holder = (parent, try enter(parent))
            }
            guard let directory = holder?.directory else { continue }
            try look(at: edit, in: directory)
        }
    }

    /// Checks again that every path is what its edit expects.
    static func verify(_ edits: [TreeEdit], root: BeneathDirectory) throws { _ = try TreeSurvey(edits: edits, root: root) }

    /// A name must not lead anywhere but below the root: openat2(2) refuses `..` there, and so does this.
    private static func checkName(_ path: String) throws {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) && !$0.contains(0) }
        guard isPlain else { throw StepRunner.Conflict(path: path, reason: "it is not the path of something in the tree") }
    }

    private mutating func enter(_ parent: String) throws -> Descriptor {
        let directory: Descriptor
        do { directory = try root.open(parent, pathOnlyDirectory) } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { throw StepRunner.Conflict(path: parent, reason: "it is gone") }
            throw error
        }
        var status = stat()
        try check("fstat", parent) { fstat(directory.number, &status) }
        try note(parent, status)
        return directory
    }

    /// Remembers a directory in which something changes.
    private mutating func note(_ path: String, _ status: stat) throws {
        guard status.st_dev == device else {
            throw StepRunner.Conflict(path: path, reason: "it lies on another file system than the root of the tree")
        }
        let key = PathBytes(path)
        guard owners.updateValue(Owner(user: status.st_uid, group: status.st_gid, mode: status.st_mode), forKey: key) == nil else { return }
        // Only its owner may open it up; root needs not.
        if geteuid() != 0, status.st_uid == geteuid(), status.st_mode & 0o700 != 0o700 {
            closed.append(StepOrder.Closed(path: path, mode: UInt32(status.st_mode) & 0o7777))
        }
    }

    /// A directory goes only with everything that is in it.
    private func checkContents(of path: String) throws {
        let directory: BeneathDirectory
        do { directory = try root.directory(path) } catch {
            // One that cannot be listed is looked into once it has been opened up.
            if error.errno == EACCES { return }
            throw error
        }
        for entry in try directory.entries() where !removed.contains(PathBytes(path + "/" + entry.name)) {
            throw StepRunner.Conflict(path: path + "/" + entry.name, reason: "the directory that it is in is to go, and it is not")
        }
    }

    private mutating func look(at edit: TreeEdit, in directory: Descriptor) throws {
        let name = FileSystem.lastComponent(of: edit.path)
        let status = try TransactionTree.status(name, in: directory, path: edit.path)
        switch (edit.expected, status.flatMap(Fingerprint.init)) {
        case (nil, nil): return
        case (nil, .some): throw StepRunner.Conflict(path: edit.path, reason: "something new is there")
        case (.some, nil): throw StepRunner.Conflict(path: edit.path, reason: "it is gone")
        case (let expected?, let now?):
            guard now.isUnchanged(since: expected) else { throw StepRunner.Conflict(path: edit.path, reason: "it has changed meanwhile") }
        }
        guard let status else { return }
        if FileKind(mode: status.st_mode) == .directory {
            try note(edit.path, status)
            if edit.version?.kind != .directory { try checkContents(of: edit.path) }
            if edit.version?.kind == .directory {
                attributes[PathBytes(edit.path)] = try UserAttributes.read(edit.path, O_RDONLY | O_DIRECTORY, in: root)
            }
        } else {
            owners[PathBytes(edit.path)] = Owner(user: status.st_uid, group: status.st_gid, mode: status.st_mode)
        }
    }
}
