import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct CleanUpTests {
    @Test("nothing is left of a sandbox after its command", arguments: TestIdentity.all)
    func nothingIsLeft(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.shell("sleep 1000 & echo started; exit 7")
        #expect(outcome.exitCode == 7 && outcome.output == "started\n", "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("a daemon that forks away is gone when its sandbox is killed", arguments: TestIdentity.all)
    func killedSupervisor(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(["run", "--", "/bin/sh", "-c", "setsid sleep 1000 & echo up; wait"], input: .pipe)
        #expect(try coop.waitForOutput("up"))
        kill(coop.pid, SIGKILL)
        _ = try coop.wait()
        try Deadline.poll(seconds: 30) { try place.processes().isEmpty }
        #expect(try place.processes() == [])
        // Its directory goes with the next command.
        _ = try place.coop(["ps"])
        #expect(try place.remains() == [])
    }

    @Test("the tests see a terminal as a person does", arguments: TestIdentity.all)
    func terminal(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(
            ["run", "--", "/bin/sh", "-c", "tty; stty size; read x; echo got $x"], input: .terminal(rows: 31, columns: 97))
        #expect(try coop.waitForOutput("31 97"), "\(coop.outputText)")
        try coop.send("a word\n")
        let outcome = try coop.wait()
        #expect(outcome.output.contains("got a word") && outcome.exitCode == 0, "\(outcome)")
    }
}
