import CoopErrors
import LinuxKernel
import Sandbox
import Sessions
import Vault

/// One session as lists show it, from the record of its sandbox while it lives and the summary of its log.
struct SessionEntry {
    var id: String
    var name: String?
    var state: String
    /// Seconds since 1970, since when it has this state.
    var since: Int64
    var reason: String?
    var agent: String?
    var profile: String?
    var project: String?
    var task: String?
    var label: String?
    var workspace: String
    var command: [String]
    var started: Int64
    var ended: Int64?
    var code: Int32?
    var inputTokens: Int64?
    var outputTokens: Int64?
    var costUSD: Double?
    var hasTerminal: Bool
    /// The processes of one that lives, as the host numbers them.
    var supervisor: Int32?
    var warden: Int32?
    var engine: String?
    /// Where its log is.
    var log: String?

    /// All that live, the oldest first.
    ///
    /// - Parameter ended: those that are over as well.
    static func all(context: Context, ended: Bool) throws -> [SessionEntry] {
        let live = try Sessions(context: context).all()
        var result: [SessionEntry] = live.map { SessionEntry($0, $0.log.flatMap { SessionSummary.read(directory: $0) }) }
        if ended {
            let known = Set(result.map(\.id))
            result += try SessionStore(context: context).all().filter { !known.contains($0.id) }.map(SessionEntry.init)
        }
        return result.sorted { ($0.started, $0.id) < ($1.started, $1.id) }
    }

    /// - Parameter summary: nil for one that is too young to have a log, or keeps none.
    init(_ record: SessionRecord, _ summary: SessionSummary?) {
        self.init(
            summary
                ?? SessionSummary(
                    id: record.id, name: record.name, task: record.task, agent: nil, workspace: record.workspace, command: record.command,
                    started: record.started, hasTerminal: false, arguments: [], directory: ""))
        if summary == nil { state = SessionState.working.rawValue }
        supervisor = record.supervisor
        warden = record.warden
        engine = record.engine
        log = summary.flatMap { _ in record.log }
    }

    init(_ session: StoredSession) {
        self.init(session.summary)
        log = session.directory
    }

    private init(_ summary: SessionSummary) {
        id = summary.id
        name = summary.name
        state = summary.state.rawValue
        since = summary.since
        reason = summary.reason
        agent = summary.agent
        profile = summary.profile
        task = summary.task
        label = summary.label
        workspace = summary.workspace
        project = FileSystem.lastComponent(of: summary.workspace)
        command = summary.command
        started = summary.started
        ended = summary.ended
        code = summary.code
        hasTerminal = summary.hasTerminal
        if summary.inputTokens + summary.outputTokens > 0 {
            inputTokens = summary.inputTokens
            outputTokens = summary.outputTokens
        }
        if summary.cost > 0 { costUSD = Double(summary.cost) / 1_000_000 }
    }

    /// As JSON, the names in order. What writes any `Encodable` takes fifteen microseconds for each.
    var json: JSONValue {
        var members: [JSONValue.Member] = []
        func put(_ name: String, _ value: JSONValue?) { if let value { members.append(.init(name, value)) } }
        func text(_ value: String?) -> JSONValue? { value.map { .string($0) } }
        func number(_ value: (some CustomStringConvertible)?) -> JSONValue? { value.map { .number($0.description) } }
        put("agent", text(agent))
        put("code", number(code))
        put("command", .array(command.map { .string($0) }))
        put("costUSD", number(costUSD))
        put("ended", number(ended))
        put("engine", text(engine))
        put("hasTerminal", .boolean(hasTerminal))
        put("id", text(id))
        put("inputTokens", number(inputTokens))
        put("label", text(label))
        put("log", text(log))
        put("name", text(name))
        put("outputTokens", number(outputTokens))
        put("profile", text(profile))
        put("project", text(project))
        put("reason", text(reason))
        put("since", number(since))
        put("started", number(started))
        put("state", text(state))
        put("supervisor", number(supervisor))
        put("task", text(task))
        put("warden", number(warden))
        put("workspace", text(workspace))
        return .object(members)
    }

    /// `exited (1)`, as a person reads it.
    var shownState: String { code.map { state == SessionState.exited.rawValue ? "\(state) (\($0))" : state } ?? state }

    /// `12k`, `-` where nothing is known.
    var shownTokens: String {
        guard let inputTokens, let outputTokens else { return "-" }
        let sum = inputTokens + outputTokens
        return sum < 1000 ? "\(sum)" : sum < 1_000_000 ? "\(sum / 1000)k" : "\(sum / 1_000_000).\(sum / 100_000 % 10)M"
    }
}
