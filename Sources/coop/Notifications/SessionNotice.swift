import EventLog
import LinuxKernel
import Sessions
import Vault

/// What a person is told about a session. Parts of it were written inside the sandbox, so none holds controls, and none is long.
struct SessionNotice: Equatable {
    /// Characters of one text.
    private static let longest = 1000

    var session: String
    var name: String?
    var state: String
    var reason: String?
    var workspace: String
    var agent: String?
    /// RFC 3339, in UTC.
    var at: String

    init(_ summary: SessionSummary) {
        session = summary.id
        name = summary.name.map(SessionNotice.harmless)
        state = summary.state.rawValue
        reason = summary.reason.map(SessionNotice.harmless)
        // The code is all that is to be said of an end.
        if reason == nil, let code = summary.code, summary.state == .exited { reason = "exit code \(code)" }
        workspace = SessionNotice.harmless(summary.workspace)
        agent = summary.agent.map(SessionNotice.harmless)
        at = EventTime.now().text
    }

    init?(_ value: JSONValue) {
        guard let session = value["session"]?.string, let state = value["state"]?.string, let workspace = value["workspace"]?.string,
            let at = value["at"]?.string
        else { return nil }
        (self.session, self.state, self.workspace, self.at) = (session, state, workspace, at)
        name = value["name"]?.string
        reason = value["reason"]?.string
        agent = value["agent"]?.string
    }

    /// What a webhook is sent.
    var json: JSONValue {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        return JSONValue([
            "version": .number("1"), "session": .string(session), "name": text(name), "state": .string(state), "reason": text(reason),
            "workspace": .string(workspace), "agent": text(agent), "at": .string(at),
        ])
    }

    /// What a command finds in its environment.
    var variables: [(name: String, value: String)] {
        [
            ("COOP_SESSION_ID", session), ("COOP_SESSION_NAME", name ?? ""), ("COOP_SESSION_STATE", state),
            ("COOP_SESSION_REASON", reason ?? ""), ("COOP_SESSION_WORKSPACE", workspace), ("COOP_SESSION_AGENT", agent ?? ""),
        ]
    }

    /// What a desktop shows: a line, and what stands below it.
    var words: (title: String, body: String) {
        let what =
            switch SessionState(rawValue: state) {
            case .attention: "needs you"
            case .idle: "is idle"
            case .failed: "failed"
            default: "has ended"
            }
        return ("\(name ?? agent ?? session) \(what)", (reason.map { $0 + "\n" } ?? "") + workspace)
    }

    private static func harmless(_ text: String) -> String {
        var result = ""
        for character in text.prefix(longest) {
            let one = String(character)
            if one.printable == one { result += one }
        }
        return result
    }
}
