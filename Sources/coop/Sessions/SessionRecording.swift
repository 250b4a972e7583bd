import AgentEvents
import Agents
import Audit
import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Projects
import Sandbox
import Sessions
import Substitution

/// Sets up the log of one run.
struct SessionRecording {
    let context: Context
    let options: RunOptions
    let spec: SandboxSpec
    let project: Project
    let agent: AgentRun?
    /// Nil when this process is the command's client as well, at the caller's own streams.
    let hosting: Hosting?
    /// Nil where no credential could go anywhere.
    let grants: SandboxGrants?

    func recorder(loop: EventLoop) throws -> SessionRecorder {
        let directory = SessionStore(context: context).directory(of: spec.id, project: project.key)
        let home = context.home
        let summary = SessionSummary(
            id: spec.id, name: spec.name, label: options.label, task: spec.workspace.task, agent: agent?.agent.name,
            profile: options.profile, workspace: spec.workspace.path, command: spec.command, started: Int64(time(nil)),
            hasTerminal: hosting?.hasTerminal ?? false, arguments: typedWords, directory: context.currentDirectory)
        let patterns = (agent?.agent.attention).map {
            AttentionPatterns(permission: $0.permission, question: $0.question, rows: $0.rows)
        }
        return try SessionRecorder(
            directory: directory, summary: summary, loop: loop, stream: try stream(), patterns: patterns, isDeferred: true
        ) {
            () throws(CoopError) in
            try home.prepare(directory)
        } secrets: { () throws(CoopError) in
            // Those of the store as well where there is no way out: they may be mounted.
            let known = if let grants { try grants.secrets() } else { try context.secrets().all() }
            return PatternTable.masking(known.map(\.value))
        }
    }

    /// Reads the agent's stream, where it writes one to standard output.
    private func stream() throws(CoopError) -> AgentStream? {
        guard !(hosting?.hasTerminal ?? false), let agent, let events = agent.agent.events,
            Set(events.flags).isSubset(of: Set(spec.command))
        else { return nil }
        return AgentStream(agent: agent.agent.name, format: try StreamFormat.named(events.format))
    }

    /// A decision about the network as the fields of an event.
    static func fields(_ details: [AuditDetail]) -> EventFields {
        var fields = EventFields()
        for detail in details {
            let name = detail.name == "action" ? "verdict" : detail.name
            switch detail.value {
            case .text(let text): fields.put(name, text)
            case .integer(let number): fields.put(name, number)
            case .flag(let flag): fields.put(name, flag)
            case .list(let list): fields.put(name, list: list)
            }
        }
        return fields
    }

    /// The command line that started it; a supervisor's own is made from it.
    private var typedWords: [String] {
        hosting?.typed
            ?? (1..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0].map { String(osBytes: UnsafePointer($0)) } }
    }
}
