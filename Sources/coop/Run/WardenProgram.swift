import CoopErrors
import LinuxKernel

/// Where the warden's program lies: beside coop in a build, in libexec when installed.
enum WardenProgram {
    static func locate() throws(CoopError) -> String {
        guard let own = FileSystem.readLink("/proc/self/exe") else {
            throw CoopError(.notReady, "cannot find the warden", "/proc is not mounted", next: "mount -t proc proc /proc")
        }
        let directory = FileSystem.parent(of: own)
        let candidates = [FileSystem.join(directory, "coop-warden"), FileSystem.normalize(directory + "/../libexec/coop/coop-warden")]
        for path in candidates where FileSystem.isExecutable(path) { return path }
        throw CoopError(
            .notReady, "cannot find the warden", "there is no coop-warden beside \(own.printable) nor in ../libexec/coop",
            next: "make install")
    }
}
