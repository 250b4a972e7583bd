import CLinux
import Glibc
import LinuxKernel
import Workspaces

/// The tree that a transaction changes and its staging directory. Every path is opened below the root without following a link; every
/// change is a single name below a directory that is open.
struct TransactionTree {
    let root: BeneathDirectory
    let slots: Descriptor

    /// The directory that holds `path`, and the last name of it.
    func holder(of path: String) throws(SystemError) -> (directory: Descriptor, name: String) {
        (try root.open(TransactionTree.parent(of: path), pathOnlyDirectory), FileSystem.lastComponent(of: path))
    }

    /// `.` for what lies in the root.
    static func parent(of path: String) -> String {
        path.utf8.contains(UInt8(ascii: "/")) ? FileSystem.parent(of: path) : "."
    }

    /// The directories above a path, the nearest first, without the root. It ends for every text, whether it is such a path or not.
    static func parents(of path: String) -> some Sequence<String> {
        sequence(first: parent(of: path)) { parent(of: $0) }.prefix { $0 != "." && $0 != "/" }
    }

    static func status(_ name: String, in directory: Descriptor, path: String) throws(SystemError) -> stat? {
        var result = stat()
        if name.withOSBytes({ fstatat(directory.number, $0, &result, AT_SYMLINK_NOFOLLOW) }) == 0 { return result }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw SystemError("fstatat", path)
    }

    static func fingerprint(_ name: String, in directory: Descriptor, path: String) throws(SystemError) -> Fingerprint? {
        try status(name, in: directory, path: path).flatMap(Fingerprint.init)
    }

    /// What lies in a slot.
    func slot(_ index: Int) throws(SystemError) -> Fingerprint? {
        try TransactionTree.fingerprint(String(index), in: slots, path: "slot \(index)")
    }

    enum Direction { case intoTree, outOfTree }

    /// Moves between a slot and a name, where nothing is at the place it goes to.
    func move(_ direction: Direction, slot index: Int, _ directory: Descriptor, _ name: String, path: String) throws(SystemError) {
        try rename(direction, index, directory, name, UInt32(COOP_RENAME_NOREPLACE), path)
    }

    func exchange(slot index: Int, _ directory: Descriptor, _ name: String, path: String) throws(SystemError) {
        try rename(.intoTree, index, directory, name, UInt32(COOP_RENAME_EXCHANGE), path)
    }

    private func rename(
        _ direction: Direction, _ index: Int, _ directory: Descriptor, _ name: String, _ flags: UInt32, _ path: String
    ) throws(SystemError) {
        WriteStep.pass()
        let slot = String(index)
        try check("renameat2", path) {
            name.withOSBytes { name in
                slot.withCString { slot in
                    direction == .intoTree
                        ? coop_renameat2(slots.number, slot, directory.number, name, flags)
                        : coop_renameat2(directory.number, name, slots.number, slot, flags)
                }
            }
        }
        WriteStep.pass()
    }

    /// Sets mode and attributes of a directory that is there, whatever may be read of it.
    func adjust(_ path: String, to properties: TreeStep.Properties, from now: UInt32?) throws(SystemError) {
        let handle = try root.open(path, pathOnlyDirectory)
        if let now {
            var status = stat()
            try check("fstat", path) { fstat(handle.number, &status) }
            // Somebody else's mode stays.
            guard UInt32(status.st_mode) & 0o7777 == now else { return }
        }
        if let attributes = properties.attributes {
            let file = try root.open(path, O_RDONLY | O_DIRECTORY)
            try UserAttributes.replace(with: attributes, of: file, subject: path)
        }
        WriteStep.pass()
        // fchmod(2) does not take a descriptor that was opened as a path only.
        try check("chmod", path) { chmod("/proc/self/fd/\(handle.number)", mode_t(properties.mode)) }
        WriteStep.pass()
    }

    /// Whether a directory in a slot holds anything.
    func isEmptyDirectory(slot index: Int) throws(SystemError) -> Bool {
        let number = try check("openat", "slot \(index)") {
            String(index).withCString { openat(slots.number, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        }
        return try BeneathDirectory(descriptor: Descriptor(owning: number), path: "slot \(index)").entries(limit: 1).isEmpty
    }
}

/// Only to look things up below it.
let pathOnlyDirectory = BeneathDirectory.pathOnly | O_DIRECTORY
