import Audit
import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox

/// `hooks.prepare` of one run: whether its result is still good, and running it inside where it is not.
struct PrepareHook {
    let command: String
    let origin: ConfigurationOrigin
    private let reads: PrepareInputs
    private let record: PrepareRecord?
    private let session: String
    private let home: CoopHome

    /// - Returns: nil where there is no hook, or none is wanted.
    init?(
        _ configuration: Configuration, options: RunOptions, spec: SandboxSpec, project: Project, task: TaskRun? = nil,
        home: CoopHome
    ) throws(CoopError) {
        guard let command = spec.prepare, let setting = configuration.hooks.prepare else { return nil }
        self.command = command
        origin = setting.origin
        session = spec.id
        self.home = home
        reads = PrepareInputs(
            command: command, named: configuration.hooks.inputs.map { $0.map(\.value) }, settings: configuration.sandbox.env, spec: spec)
        // What it makes in memory is gone with the sandbox: then there is nothing to be kept.
        let isKept = spec.workspace.mode == .bind && spec.home.source != nil && spec.excludes.isEmpty && !options.rerunHooks
        // A task's tree has its own result.
        let directory = task?.record.directory ?? home.directory(of: project.key)
        if isKept { try home.prepare(directory) }
        record = isKept ? PrepareRecord(directory: directory) : nil
    }

    /// Runs it in the sandbox, unless nothing that it reads has changed since it last ended well.
    ///
    /// - Returns: nil when the command may start; else how the hook ended, which has been said.
    func run(in supervisor: Supervisor, loop: EventLoop, attends: Bool) throws -> (code: Int32, interrupted: Bool)? {
        // Two that install into one directory at a time would undo each other's work.
        let lock = try record?.lock()
        defer { withExtendedLifetime(lock) {} }
        if let record, record.holds(reads) { return nil }
        FileHandleOutput.standardError("coop: prepare: \(command.printable)\n")
        try audit([AuditDetail("change", "started"), AuditDetail("origin", origin.description)])
        try record?.forget()
        let run = try HookRun(command: ["/bin/sh", "-c", command], supervisor: supervisor, loop: loop, attends: attends)
        try loop.run()
        if let failure = supervisor.failure { throw failure }
        if supervisor.timedOut { return (124, false) }
        let end = try run.finish()
        try audit([AuditDetail("change", "ended"), AuditDetail("code", end.code)])
        if end.code == 0 {
            try record?.keep(reads)
            return nil
        }
        if !end.interrupted { FileHandleOutput.standardError(complaint(end.code, run.tail)) }
        return (end.code, end.interrupted)
    }

    private func complaint(_ code: Int32, _ tail: [String]) -> String {
        var text = "coop: the command was not started: `\(command.printable)` (\(origin)), which prepares it, ended with \(code)\n"
        for line in tail { text += "  \(line.printable)\n" }
        return text + "Next: coop run --no-hooks -- …\n"
    }

    private func audit(_ details: [AuditDetail]) throws(CoopError) {
        let directory = home.directory(.audit)
        try home.prepare(directory)
        let entry = AuditEntry(
            .hook, session: session, details: [AuditDetail("hook", "prepare"), AuditDetail("command", command)] + details)
        try AuditLog(directory: directory).append(entry, durable: true)
    }
}
