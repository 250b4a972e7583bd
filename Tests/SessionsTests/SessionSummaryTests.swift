import Sessions
import Testing

@Suite struct SessionSummaryTests {
    @Test("what is written is read again, whatever the texts hold")
    func roundTrip() throws {
        var summary = SessionSummary(
            id: "abcd2345efgh", name: "fix auth", agent: "claude", workspace: "/home/x/a\nb\\c", command: ["sh", "-c", "echo 'ä'\n"],
            started: 1_700_000_000, hasTerminal: true, arguments: ["run", "-d", "", "--", "sh"], directory: "/")
        #expect(SessionSummary(parsing: summary.encoded) == summary)
        summary.state = .exited
        summary.code = 137
        summary.ended = 1_700_000_100
        summary.cost = 1_250_000
        summary.reason = "\\n is not a line end"
        #expect(SessionSummary(parsing: summary.encoded) == summary)
    }

    @Test("unknown lines are passed over, and what is no summary is none")
    func damaged() {
        let bytes = Array("coop-session 1\nid abcd\nfuture thing\nstate dancing\n".utf8)
        #expect(SessionSummary(parsing: bytes)?.state == .failed)
        #expect(SessionSummary(parsing: []) == nil)
        #expect(SessionSummary(parsing: Array("coop-session 1\nname x\n".utf8)) == nil)
        #expect(SessionSummary(parsing: Array("coop-session 2\nid x\n".utf8)) == nil)
    }
}
