import Glibc
import LinuxKernel
import Workspaces

/// Collects what an undo may have to merge against, while it is staged.
struct KeptContents {
    private let path: String
    private let file: Descriptor?
    private var offset: UInt64 = 0
    private var pending: [UInt8] = []

    init(_ path: String, isKept: Bool) throws {
        self.path = path
        file = isKept ? try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600) : nil
    }

    /// Keeps what lies in a slot.
    ///
    /// - Returns: where; nil for what is too large, or where there is enough already.
    mutating func append(slot: Int, of tree: TransactionTree) throws -> (offset: UInt64, count: UInt64)? {
        guard file != nil else { return nil }
        let number = String(slot).withCString { openat(tree.slots.number, $0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        // A file that its owner may not read: an undo takes it back, but merges nothing.
        if number < 0, errno == EACCES { return nil }
        guard number >= 0 else { throw SystemError("openat", "slot \(slot)") }
        let source = Descriptor(owning: number)
        var status = stat()
        try check("fstat", path) { fstat(source.number, &status) }
        guard status.st_size <= TransactionStaging.keptFile, offset + UInt64(status.st_size) <= TransactionStaging.keptTotal else {
            return nil
        }
        let bytes = try source.readAll(limit: TransactionStaging.keptFile, subject: path)
        pending.append(contentsOf: bytes)
        let place = (offset, UInt64(bytes.count))
        offset += UInt64(bytes.count)
        if pending.count >= 1 << 20 { try flush() }
        return place
    }

    mutating func finish() throws {
        guard let file else { return }
        try flush()
        try check("fsync", path) { fsync(file.number) }
    }

    private mutating func flush() throws {
        if let file, !pending.isEmpty { try file.writeAll(pending, subject: path) }
        pending.removeAll(keepingCapacity: true)
    }
}

/// Copies of what is going to come out of a tree on another file system than the undo store.
enum OldContents {
    static func copy(_ steps: [TreeStep], root: BeneathDirectory, to directory: String) throws {
        try FileSystem.makeDirectories(directory)
        let slots = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var writer = SlotWriter(slots: slots, root: root)
        for (index, step) in steps.enumerated() where step.before != nil {
            try writer.write(try FileVersion.read(step.path, in: root), to: index, path: step.path)
        }
        try writer.synchronize()
    }
}
