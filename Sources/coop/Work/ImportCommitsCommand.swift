import ArgumentParser
import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Workspaces

/// Takes commits over while their session goes on; started by coop, not by people. It ends with its standard input.
struct ImportCommitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-commits", abstract: "Take over what a session commits.", shouldDisplay: false)

    @Argument(help: .hidden) var session: String

    /// Milliseconds without news after which a commit is over: git writes several files for each.
    private static let quiet: Int32 = 150
    /// Milliseconds that an import may go on once the session is over, before it is cut off; what it does not finish, the end of the session
    /// does.
    private static let grace: UInt32 = 800

    func run() throws {
        for number in [SIGHUP, SIGPIPE, SIGINT, SIGTERM] { signal(number, SIG_IGN) }
        guard isatty(0) == 0 else {
            throw CoopError(.usage, "cannot watch for commits", "this command is started by coop itself", next: "coop task list")
        }
        let context = try Context()
        let interruption = ImportInterruption()
        guard let imports = try SessionCommits.liveImport(of: session, interruption: interruption, context: context) else { return }
        let watch = Descriptor(owning: try check("inotify_init1") { inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC)) })
        // Git appends to the log of HEAD when anything is committed. Should the sandbox put another directory there, it is
        // imported at the end.
        let logs = FileSystem.join(imports.directory, "logs")
        let events = UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE) | UInt32(IN_ONLYDIR) | UInt32(IN_DONT_FOLLOW)
        try check("inotify_add_watch", logs) { logs.withOSBytes { inotify_add_watch(watch.number, $0, events) } }
        let over = try BackgroundThread.start {
            ImportCommitsCommand.waitForEnd()
            usleep(ImportCommitsCommand.grace * 1000)
            interruption.end()
        }
        pthread_detach(over)
        // What was committed before the watch was there is news, too.
        var isNews = true
        while true {
            var polled = [pollfd(fd: watch.number, events: Int16(POLLIN), revents: 0), pollfd(fd: 0, events: Int16(POLLIN), revents: 0)]
            let ready = poll(&polled, 2, isNews ? ImportCommitsCommand.quiet : -1)
            if polled[1].revents != 0 { return }
            if ready > 0 {
                isNews = true
                ImportCommitsCommand.drain(watch)
            } else if ready == 0 {
                isNews = false
                // What fails now is tried at the next commit, and at the end, where its reason is said.
                _ = try? imports.run()
            }
        }
    }

    private static func drain(_ watch: Descriptor) {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while read(watch.number, &buffer, buffer.count) > 0 {}
    }

    /// Returns at the end of file of standard input.
    private static func waitForEnd() {
        var polled = pollfd(fd: 0, events: 0, revents: 0)
        while poll(&polled, 1, -1) < 0, errno == EINTR {}
    }
}
