import Glibc

/// Where coop's own directories go on their way out, on the same file system. They leave their names in one step, so that nobody takes half
/// of one for the whole; what a killed command has not removed the next one does.
public struct Trash: Sendable {
    private let directory: String

    /// - Parameter directory: made when it is first needed.
    public init(directory: String) { self.directory = directory }

    /// Removes a directory with everything in it; where `path` is a link to one, both.
    public func remove(_ path: String) throws(SystemError) {
        if try FileSystem.kindIfPresent(path, followLinks: false) == .symlink {
            if let target = FileSystem.realPath(path) { try removeDirectory(target) }
            return try FileSystem.removeFile(path)
        }
        try removeDirectory(path)
    }

    private func removeDirectory(_ path: String) throws(SystemError) {
        guard let held = try hold(path) else { throw SystemError("flock", path, errno: EWOULDBLOCK) }
        defer { withExtendedLifetime(held) {} }
        let name = FileSystem.lastComponent(of: path)
        var place = FileSystem.join(directory, "\(name).\(getpid()).\(UInt32.random(in: 0...UInt32.max))")
        do {
            try FileSystem.makeDirectories(directory)
            try FileSystem.rename(path, to: place)
        } catch  where [EXDEV, ENOSPC, EDQUOT].contains(error.errno) {
            // On another disk, by a link of the user's, or one that is full. Killed there, nobody finishes it, but nobody lists it either.
            place = FileSystem.join(FileSystem.parent(of: path), ".\(name).removed")
            try FileSystem.removeTree(place)
            try FileSystem.rename(path, to: place)
        }
        WriteStep.pass()
        try FileSystem.removeTree(place)
        WriteStep.pass()
    }

    /// Finishes what killed commands were removing. With nothing to do it looks for one directory.
    ///
    /// - Throws: what is wrong with the first that cannot be removed, once the others are.
    public func empty() throws(SystemError) {
        guard try FileSystem.kindIfPresent(directory) == .directory else { return }
        var first: SystemError?
        for name in try FileSystem.list(directory) {
            let place = FileSystem.join(directory, name)
            do {
                guard let held = try hold(place) else { continue }
                defer { withExtendedLifetime(held) {} }
                try FileSystem.removeTree(place)
            } catch  where error.errno == ENOENT {
                // Whoever held it has finished.
            } catch {
                first = first ?? error
            }
        }
        if let first { throw first }
    }

    /// Takes a directory for this process, as long as that is at it (flock(2)); nil when another has it.
    private func hold(_ path: String) throws(SystemError) -> Descriptor? {
        let tree = try Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        if flock(tree.number, LOCK_EX | LOCK_NB) == 0 { return tree }
        guard errno == EWOULDBLOCK else { throw SystemError("flock", path) }
        return nil
    }
}
