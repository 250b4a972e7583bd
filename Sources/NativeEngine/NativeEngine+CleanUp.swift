import CoopErrors
import LinuxKernel

extension NativeEngine {
    /// Removes a cgroup that a killed sandbox has left. Its processes are gone already: the kernel ended them with their
    /// first one.
    public static func removeCgroup(_ path: String) throws(CoopError) {
        do {
            try Cgroup.remove(path)
        } catch {
            throw CoopError(
                .failed, "cannot remove the cgroup of a sandbox that was killed", error.description,
                next: "cat \(path.printable)/cgroup.procs")
        }
    }
}
