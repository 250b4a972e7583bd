import EventLog
import LinuxKernel
import TestSupport
import Testing

/// `coop wait`: for a state, or for the end and its code.
@Suite struct WaitTests {
    @Test("the session's own exit code, of one that is over or comes to its end", arguments: TestIdentity.all, [0, 3, 255])
    func exit(_ identity: TestIdentity, _ code: Int64) throws {
        let session = try WrittenSession(identity, isLive: true)
        let waiter = try session.place.start(["wait", "fix-auth"])
        try session.append(.state, ["state": "idle"])
        try session.end(code)
        #expect(try waiter.wait().exitCode == Int32(code))
        #expect(try session.coop(["wait", "fix-auth"]).exitCode == Int32(code))
    }

    @Test("a signal, as a shell shows it; a failure with its reason")
    func otherEnds() throws {
        let signalled = try WrittenSession(anyone)
        try signalled.append(.exited, [:], ["signal": 15])
        try signalled.publish()
        #expect(try signalled.coop(["wait", "fix-auth"]).exitCode == 143)
        let failed = try WrittenSession(anyone)
        try failed.append(.failed, ["reason": "no space is left"])
        try failed.publish()
        let outcome = try failed.coop(["wait", "fix-auth"])
        #expect(
            outcome.exitCode == 1 && outcome.error.contains("no space is left") && outcome.error.contains("\nNext: coop logs "),
            "\(outcome)")
    }

    @Test("a state that it has, or comes to have", arguments: ["idle", "attention"])
    func state(_ state: String) throws {
        let session = try WrittenSession(anyone, isLive: true)
        try session.append(.state, ["state": state])
        try session.append(.message, ["text": "something else"])
        try session.append(.state, ["state": "working"])
        try session.publish()
        #expect(try session.coop(["wait", "fix-auth", "--for", state, "--timeout", "1s"]).exitCode == 124)
        let waiter = try session.place.start(["wait", "fix-auth", "--for", state])
        let other = try session.place.start(["wait", "fix-auth", "--for", state == "idle" ? "attention" : "idle"])
        try session.append(.state, ["state": state])
        try session.publish()
        #expect(try waiter.wait().exitCode == 0)
        #expect(try session.coop(["wait", "fix-auth", "--for", state]).exitCode == 0)
        try session.end(0)
        let over = try other.wait()
        #expect(over.exitCode == 1 && over.error.contains("is over"), "\(over)")
        #expect(try session.coop(["wait", "fix-auth", "--for", state]).exitCode == 1)
    }

    @Test("an agent that asks needs somebody", arguments: [EventType.permission, .attention])
    func asks(_ type: EventType) throws {
        let session = try WrittenSession(anyone, isLive: true)
        let waiter = try session.place.start(["wait", "fix-auth", "--for", "attention"])
        try session.append(type, ["text": "may I?"])
        try session.publish()
        #expect(try waiter.wait().exitCode == 0)
    }

    @Test("what is no state or duration")
    func usage() throws {
        let session = try WrittenSession(anyone)
        #expect(try session.coop(["wait", "fix-auth", "--for", "lunch"]).exitCode == 2)
        let outcome = try session.coop(["wait", "fix-auth", "--timeout", "soon"])
        #expect(outcome.exitCode == 2 && outcome.error.contains("is not a duration"), "\(outcome)")
    }
}
