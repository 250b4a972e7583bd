import CoopErrors
import Glibc
import LinuxKernel

/// What the last preparation that ended well depended on, as it is kept in `$COOP_HOME/projects/<key>/prepared`.
struct PrepareRecord {
    let directory: String
    private var path: String { FileSystem.join(directory, "prepared") }

    init(directory: String) { self.directory = directory }

    /// One preparation of a project at a time, over all processes (flock(2)); waits for the other one.
    func lock() throws(CoopError) -> Descriptor {
        do {
            let lock = try Descriptor.open(path + ".lock", O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            if flock(lock.number, LOCK_EX | LOCK_NB) != 0 {
                FileHandleOutput.standardError("coop: waiting for another sandbox that prepares this project\n")
                while flock(lock.number, LOCK_EX) != 0 { guard errno == EINTR else { throw SystemError("flock", path) } }
            }
            return lock
        } catch let error as SystemError {
            throw CoopError(.failed, "cannot prepare the project", "\(error)", next: "ls -ld \(directory.printable)")
        } catch {
            throw CoopError(.failed, "cannot prepare the project", "\(error)", next: "coop doctor")
        }
    }

    /// Whether nothing that it depends on has changed.
    func holds(_ inputs: PrepareInputs) -> Bool {
        guard let bytes = try? FileSystem.read(path, limit: 4096) else { return false }
        let lines = String(osBytes: bytes).split(separator: "\n").map(String.init)
        guard lines.count == 2 else { return false }
        if lines[0] == inputs.outline { return true }
        guard lines[1] == inputs.contents else { return false }
        // The files were written anew with the same contents; the next run need not read them. Where that cannot be kept it does.
        try? keep(inputs)
        return true
    }

    func keep(_ inputs: PrepareInputs) throws(CoopError) {
        do { try FileSystem.replace(path, with: "\(inputs.outline)\n\(inputs.contents)\n".utf8, mode: 0o600) } catch {
            throw CoopError(.failed, "cannot remember the preparation", "\(error)", next: "ls -ld \(directory.printable)")
        }
    }

    /// From here on there is no good result: the hook may be killed in the middle of its work.
    ///
    /// - Throws: `failed` when the old result would stay, and be believed.
    func forget() throws(CoopError) {
        do { try FileSystem.removeFile(path) } catch {
            throw CoopError(.failed, "cannot forget the last preparation", "\(error)", next: "ls -ld \(directory.printable)")
        }
    }
}
