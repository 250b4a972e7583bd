import Glibc
import NativeEngine
import Projects
import Sandbox

/// The warden of a sandbox that is about to be wanted: it comes up on another processor while the command line and the
/// configuration are read, which takes about as long.
struct EarlyStart {
    /// Set once by `main` before anything else runs, and used by one thread.
    nonisolated(unsafe) static var current = EarlyStart(warden: nil)

    private var warden: WardenStart?

    private init(warden: WardenStart?) { self.warden = warden }

    /// Starts one if these words will most likely run a sandbox in this process. A start that fails here is tried again
    /// where it is needed, and reported there.
    init(arguments: [String]) {
        // With a terminal, or in the background, a process of its own supervises: that one starts it.
        // What belongs to the command says nothing: `coop run AGENT --version`.
        let own = RunCommand.wordsWithoutOptions(arguments) == nil ? arguments.prefix { $0 != "--" } : []
        let isHosted = !own.contains("--no-tty") && isatty(0) == 1 && isatty(1) == 1
        let isRun = !isHosted && (arguments.first == "run" || arguments == ["shell"])
        let elsewhere = ["--keep", "-d", "--detach", "--help", "-h", "--version"]
        // What it is to answer on is not the warden's; without it, it was not started by coop.
        let isSupervisor = arguments.first == "supervise" && fcntl(3, F_SETFD, FD_CLOEXEC) == 0
        guard isSupervisor || isRun && !own.contains(where: { elsewhere.contains($0) }),
            environmentVariable("COOP_SESSION") == nil, let path = try? WardenProgram.locate()
        else {
            self.init(warden: nil)
            return
        }
        self.init(warden: try? WardenStart(wardenPath: path))
    }

    /// Lets the warden go on, if it waits for something that has happened by now.
    func advance() throws { try warden?.advance() }

    /// Lets the warden do what depends on this much of the spec.
    func proceed(with part: WardenStart.Part, of spec: SandboxSpec) throws { try warden?.proceed(with: part, of: spec) }

    /// Hands the warden over to the one sandbox that this process runs.
    mutating func take() -> WardenStart? {
        defer { warden = nil }
        return warden
    }

    /// Ends it if nobody took it.
    mutating func drop() { warden = nil }
}
