import ArgumentParser
import CoopErrors
import EventLog
import Glibc
import Projects
import Sessions

struct WaitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until a session is over, idle, or needs somebody.",
        discussion: """
            Ends with the exit code of the session's command, or with 0 when the state of --for is reached; 124 when --timeout has passed, and 1
            when the session is over without having reached it.

            Examples:
              coop wait fix-auth
              coop wait fix-auth --for attention --timeout 30m && notify-send "coop: somebody is needed"
            """)

    enum Goal: String, CaseIterable, ExpressibleByArgument { case idle, attention, exit }

    @Option(name: .customLong("for"), help: ArgumentHelp("idle, attention or exit.", valueName: "STATE")) var goal: Goal = .exit
    @Option(help: ArgumentHelp("How long at most: 90s, 15m, 1h30m.", valueName: "T")) var timeout: String?

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String

    func run() throws {
        let deadline = try deadline()
        let context = try Context()
        let session = try SessionStore(context: context).find(id)
        // What it does now is what its last event of these says; everything before is passed over.
        var cursor: UInt64 = 0
        if let reader = try? EventReader(directory: session.directory), let last = try reader.last(of: WaitCommand.types) {
            cursor = last.sequence - 1
        }
        let events = try SessionEvents(session, after: cursor, context: context)
        while true {
            switch try events.next(deadline: deadline) {
            case .late: throw ProcessResult(code: 124)
            case .over: throw WaitCommand.killed(session)
            case .events(let next):
                for event in next { if let code = try code(for: event, session) { throw ProcessResult(code: code) } }
            }
        }
    }

    private static let types: [EventType] = [.state, .attention, .permission, .exited, .failed, .orphaned]

    private func deadline() throws(CoopError) -> Int64? {
        guard let timeout else { return nil }
        switch Quantities.duration(timeout) {
        case .success(let duration): return SessionEvents.now() + duration.components.seconds * 1000
        case .failure(let problem): throw CoopError(.usage, "cannot understand --timeout", problem.reason, next: "coop wait --help")
        }
    }

    /// The code to end with; nil while there is something to wait for.
    private func code(for event: Event, _ session: StoredSession) throws(CoopError) -> Int32? {
        let fields = EventText.Fields(event.fields) { _ in nil }
        switch event.type {
        case .state where fields.text("state") == goal.rawValue: return 0
        case .attention where goal == .attention, .permission where goal == .attention: return 0
        case .exited:
            guard goal == .exit else { throw over(session, "its command has ended") }
            if let signal = fields.number("signal") { return 128 + Int32(clamping: signal) }
            return Int32(clamping: fields.number("code") ?? 0)
        case .failed:
            let reason = fields.text("reason")
            throw over(session, reason.isEmpty ? "coop could not go on" : reason)
        case .orphaned: throw WaitCommand.killed(session)
        default: return nil
        }
    }

    private func over(_ session: StoredSession, _ why: String) -> CoopError {
        CoopError(
            .failed,
            goal == .exit
                ? "the session \(session.id) has failed"
                : "the session \(session.id) is over and \(goal == .idle ? "was not idle" : "did not need attention")",
            why, next: "coop logs \(session.id)")
    }

    private static func killed(_ session: StoredSession) -> CoopError {
        CoopError(.failed, "the session \(session.id) has no end", "its supervisor was killed", next: "coop logs \(session.id)")
    }
}
