import CLinux
import Glibc
import LinuxKernel

/// The process that brings commits of a living session into the repository, as the session's supervisor sees it: it ends when this value
/// lets go of it, or the supervisor ends in whatever way.
final class CommitWatch {
    private let process: pid_t
    private var hold: Descriptor?

    init(session: String) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        let reader = Descriptor(owning: ends[0])
        hold = Descriptor(owning: ends[1])
        process = try DetachedProcess.start(
            "/proc/self/exe", ["coop", "import-commits", session], directory: "/", input: reader.number)
    }

    /// Lets the process finish the import that it may be at, which it does within a second or not at all.
    func stop() {
        hold = nil
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
}
