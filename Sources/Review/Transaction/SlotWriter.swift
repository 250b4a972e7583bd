import CLinux
import Glibc
import LinuxKernel
import Workspaces

/// Puts new versions into slots, ready to be moved into the tree: content, owner, attributes, mode.
struct SlotWriter {
    let slots: Descriptor
    let root: BeneathDirectory
    private var written = 0
    private var files: [String] = []

    init(slots: Descriptor, root: BeneathDirectory) {
        self.slots = slots
        self.root = root
    }

    mutating func write(
        _ version: FileVersion, to index: Int, path: String, replacing owner: TreeSurvey.Owner? = nil, parents: TreeSurvey? = nil
    ) throws {
        let name = String(index)
        WriteStep.pass()
        switch version.kind {
        case .file:
            let number = try check("openat", path) {
                name.withCString { openat(slots.number, $0, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
            }
            let file = Descriptor(owning: number)
            WriteStep.pass()
            try ContentCopy.copy(version.open, to: file, subject: path)
            try setOwner(of: file, path: path, replacing: owner, parents: parents)
            if let owner, FileKind(mode: owner.mode) == .file { try copyAccessList(to: file, path: path) }
            try UserAttributes.replace(with: version.attributes, of: file, subject: path)
            // Last: a change of owner takes set-user-id away, an access list has a say about the group's bits.
            try check("fchmod", path) { fchmod(file.number, mode_t(version.mode & 0o7777)) }
            if written < TransactionStaging.syncOneByOne { files.append(name) }
        case .directory:
            try check("mkdirat", path) { name.withCString { mkdirat(slots.number, $0, 0o700) } }
            let number = try check("openat", path) {
                name.withCString { openat(slots.number, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
            }
            let directory = Descriptor(owning: number)
            try setOwner(of: directory, path: path, replacing: nil, parents: parents)
            try UserAttributes.replace(with: version.attributes, of: directory, subject: path)
            // Open for its owner until everything is in it.
            try check("fchmod", path) { fchmod(directory.number, mode_t(version.mode & 0o7777 | 0o700)) }
        case .symlink:
            let target = version.target ?? ""
            try check("symlinkat", path) { target.withOSBytes { to in name.withCString { symlinkat(to, slots.number, $0) } } }
        case .other(let what): throw StepRunner.Conflict(path: path, reason: "\(what) cannot be carried over")
        }
        written += 1
        WriteStep.pass()
    }

    /// What is staged reaches the disk before the journal says that it is there.
    func synchronize() throws {
        if written >= TransactionStaging.syncOneByOne {
            try check("syncfs", root.path) { coop_sync_file_system(slots.number) }
            return
        }
        for name in files {
            let number = name.withCString { openat(slots.number, $0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
            // One that its owner may not read can only be written with everything else.
            if number < 0, errno == EACCES {
                try check("syncfs", root.path) { coop_sync_file_system(slots.number) }
                return
            }
            guard number >= 0 else { throw SystemError("openat", name) }
            let file = Descriptor(owning: number)
            try check("fsync", name) { fsync(file.number) }
        }
        try check("fsync", root.path) { fsync(slots.number) }
    }

    /// As if it had been written in its place: the file that it replaces, or a directory that hands on its group, says whose it is.
    private func setOwner(of file: Descriptor, path: String, replacing owner: TreeSurvey.Owner?, parents: TreeSurvey?) throws {
        if let owner {
            if geteuid() == 0 {
                try check("fchown", path) { fchown(file.number, owner.user, owner.group) }
            } else if owner.group != getegid() {
                // Not allowed for a group that the user is not in: then it is as with any program that writes a new file.
                _ = fchown(file.number, uid_t.max, owner.group)
            }
            return
        }
        if let parent = parents?.owners[PathBytes(TransactionTree.parent(of: path))], parent.mode & S_ISGID != 0 {
            _ = fchown(file.number, uid_t.max, parent.group)
        }
    }

    /// acl(5) of the file that is replaced, whether or not its owner may read that: without it the group's bits, which are no more than a mask
    /// then, would give the group rights that it had not.
    private func copyAccessList(to file: Descriptor, path: String) throws {
        let name = "system.posix_acl_access"
        let old: Descriptor
        do { old = try root.open(path, BeneathDirectory.pathOnly | O_NOFOLLOW) } catch {
            // The transaction is going to notice that it is gone.
            if error.errno == ENOENT { return }
            throw error
        }
        // No list is longer than 64 KiB (xattr(7)). fgetxattr(2) does not take a descriptor that was opened as a path only.
        var list = [UInt8](repeating: 0, count: 1 << 16)
        let count = getxattr("/proc/self/fd/\(old.number)", name, &list, list.count)
        if count < 0 {
            if errno == ENODATA || errno == ENOTSUP { return }
            throw SystemError("getxattr", path)
        }
        try UserAttributes.set(name, Array(list[..<count]), of: file, subject: path)
    }
}
