import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Programs that draw on the whole screen.
@Suite struct ScreenProgramTests {
    private static func screen() -> ChildProcess.Input { .terminal(rows: 24, columns: 80) }

    @Test("vim opens, edits and writes a file", .enabled(if: FileSystem.isExecutable("/usr/bin/vim")), arguments: TestIdentity.all)
    func vim(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        place.environment["TERM"] = "xterm"
        try place.write("text", "old line\n")
        let vim = try place.start(["run", "--", "vim", "-u", "NONE", "-i", "NONE", "text"], input: Self.screen())
        #expect(try vim.waitForOutput("old line"))
        try vim.send("onew line\u{1B}:wq\r")
        let outcome = try vim.wait()
        #expect(outcome.exitCode == 0 && !outcome.timedOut, "\(outcome.exitCode)")
        #expect(try place.text("text") == "old line\nnew line\n")
        #expect(try place.remains() == [])
    }

    @Test("htop draws, and quits with q", .enabled(if: FileSystem.isExecutable("/usr/bin/htop")), arguments: TestIdentity.all)
    func htop(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        place.environment["TERM"] = "xterm"
        let htop = try place.start(["run", "--", "htop"], input: Self.screen())
        #expect(try htop.waitForOutput("Load average") && htop.waitForOutput("Quit"))
        try htop.send("q")
        let outcome = try htop.wait()
        #expect(outcome.exitCode == 0 && !outcome.timedOut, "\(outcome.exitCode)")
    }

    @Test("tmux runs a shell in a window", .enabled(if: FileSystem.isExecutable("/usr/bin/tmux")), arguments: TestIdentity.all)
    func tmux(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        place.environment["TERM"] = "xterm"
        let tmux = try place.start(["run", "--", "tmux", "-f", "/dev/null", "new", "sh"], input: Self.screen())
        #expect(try tmux.waitForOutput("[0]"), "\(tmux.outputText)")
        try tmux.send("echo $((40+2)) > out; exit\r")
        let outcome = try tmux.wait()
        #expect(outcome.exitCode == 0 && !outcome.timedOut, "\(outcome)")
        #expect(try place.text("out") == "42\n")
        #expect(try place.remains() == [])
    }
}
