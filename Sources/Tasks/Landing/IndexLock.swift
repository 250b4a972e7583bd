import CoopErrors
import Glibc
import LinuxKernel
import Workspaces

/// Git's own lock on an index, with what the index is to become in it: as long as it is held no command of git's changes index or branch of
/// that working tree (gitrepository-layout(5), `index`).
///
/// A second name of the same file tells a later process whether the lock is one that a killed one left.
struct IndexLock {
    let gitDirectory: String
    /// Part of the second name.
    let id: String

    var index: String { FileSystem.join(gitDirectory, "index") }
    private var lock: String { index + ".lock" }
    private var prepared: String { index + ".coop-\(id)" }

    /// Takes the lock, with the bytes of the new index.
    ///
    /// - Throws: `CoopError` when git holds it, or the disk is full; there is no lock then.
    func take(_ bytes: [UInt8], what: String) throws {
        try describing(what) {
            try release()
            let old = try FileSystem.status(index)
            let file = try Descriptor.open(
                prepared, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: old.map { $0.st_mode & 0o777 } ?? 0o644)
            do throws(SystemError) {
                try file.writeAll(bytes, subject: prepared)
                WriteStep.pass()
                try check("fsync", prepared) { fsync(file.number) }
                // Git does not trust entries that are as new as the index itself: the entries are the old ones, so is the time.
                if let old {
                    let times = [old.st_atim, old.st_mtim]
                    try check("futimens", prepared) { futimens(file.number, times) }
                }
                WriteStep.pass()
                try check("link", lock) { prepared.withOSBytes { from in lock.withOSBytes { link(from, $0) } } }
            } catch {
                try FileSystem.removeFile(prepared)
                if error.errno == EEXIST, error.call == "link" {
                    throw CoopError(
                        .failed, what, "git is using the index: \(lock.printable) exists",
                        next: "wait for the other git command; if there is none: rm \(lock.printable)")
                }
                throw error
            }
        }
    }

    /// Whether the lock is this one.
    private func isOurs() throws(SystemError) -> Bool {
        guard let own = try FileSystem.status(prepared, followLinks: false), let held = try FileSystem.status(lock, followLinks: false)
        else {
            return false
        }
        return own.st_ino == held.st_ino && own.st_dev == held.st_dev
    }

    /// Puts the new index in the place of the old one. Again is nothing.
    func place() throws(SystemError) {
        if try isOurs() { try FileSystem.rename(lock, to: index) }
        try FileSystem.removeFile(prepared)
        let directory = try Descriptor.open(gitDirectory, O_RDONLY | O_DIRECTORY)
        try check("fsync", gitDirectory) { fsync(directory.number) }
    }

    /// Gives the lock up; the index is as it was. Without a lock nothing happens.
    func release() throws(SystemError) {
        if try isOurs() { try FileSystem.removeFile(lock) }
        try FileSystem.removeFile(prepared)
    }
}
