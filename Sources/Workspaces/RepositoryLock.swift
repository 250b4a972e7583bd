import CoopErrors
import Glibc
import LinuxKernel

/// One import at a time changes one repository, however many sessions end at once. The lock file lies in coop's own state, because
/// the workspace and the private git directory can be written by a sandbox.
package struct RepositoryLock {
    private let file: Descriptor

    /// Waits for the lock; it is released when the value goes away, or the process ends in whatever way (flock(2)).
    package init(of repository: GitRepository, in stateDirectory: String) throws(SystemError) {
        try FileSystem.makeDirectories(stateDirectory)
        guard let status = try FileSystem.status(repository.commonDirectory) else {
            throw SystemError("stat", repository.commonDirectory, errno: ENOENT)
        }
        let path = FileSystem.join(stateDirectory, "repository-\(status.st_dev)-\(status.st_ino).lock")
        file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        try check("flock", path) { flock(file.number, LOCK_EX) }
    }
}
