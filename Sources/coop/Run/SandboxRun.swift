import Audit
import CLinux
import CoopErrors
import Egress
import GatewayProtocol
import Glibc
import LinuxKernel
import NativeEngine
import Overlays
import Policy
import Projects
import Sandbox
import Sessions
import WardenProtocol

/// One sandbox from preparation to clean-up, supervised in this process.
final class SandboxRun {
    /// Milliseconds after which a command is no short one.
    private static let settled: UInt64 = 1000

    private let context: Context
    private let options: RunOptions
    private let project: Project
    /// The task that it works in; others are kept out as long as it lives.
    private let task: TaskRun?
    private let session: SessionDirectory
    private let work: WorkspaceSession
    let spec: SandboxSpec
    private let loop = EventLoop()
    /// What programs inside trust; it lives as long as the sandbox.
    private let authority: TrustedAuthority?
    /// The way out, where there is one.
    private let egress: EgressSession?
    /// Its rules, which can change while the sandbox lives.
    private let rules: LivePolicy
    /// The files that its rules come from; nil without a way out.
    private let live: LiveConfiguration?
    private let grants: SandboxGrants?
    private let hook: PrepareHook?
    private let login: LoginSandbox?
    private let forwards: ForwardSession
    /// Writes the session's log; nil for a sandbox in which an agent logs in.
    private let recorder: SessionRecorder?
    /// Tells the user what the session does, where that was asked for.
    private let notifier: Notifier?
    private var changes: ChangeRecorder?
    /// Brings commits into the repository while the session goes on.
    private var commits: CommitWatch?
    private var executions: ExecutionRecorder?
    private let sandbox: LaunchedSandbox
    private var supervisor: Supervisor?
    private var control: Descriptor?
    /// Whether the command has ended, and with it every process of the sandbox.
    private var commandIsOver = false

    /// Prepares everything that the sandbox needs on the host. From here on `cleanUp` must be called.
    ///
    /// - Parameter login: for an agent that logs in, which belongs to no project.
    ///   - hosting: how the supervisor holds the command, for a process that is one and no more.
    init(
        context: Context, options: RunOptions, command: [String], login: LoginSandbox? = nil, hosting: Hosting? = nil
    ) throws {
        if environmentVariable("COOP_SESSION") != nil, FileSystem.kind("/run/coop") == .directory {
            throw CoopError(
                .notReady, "cannot start a sandbox inside a sandbox", "this is one already (\(environmentVariable("COOP_SESSION") ?? ""))",
                next: "run the command directly: it is as confined as it would be")
        }
        self.context = context
        self.options = options
        self.login = login
        project = try login.map { _ in Project.none } ?? context.project(for: options)
        try context.home.prepare(context.run)
        // First of all: what a killed sandbox wrote is not to be believed.
        try Sweep(context: context).run()
        let agent = try AgentRun.find(command, options: options, context: context)
        let state = ConfigurationState(project: project, home: context.home)
        let approved =
            try login?.configuration(context) ?? context.approvedConfiguration(of: project, flags: options.flags, agent: agent)
        #if COOP_TEST_HOOKS
            TestStop.reached("configuration")
        #endif
        let configuration = approved.resolved
        for note in IneffectiveSettings.notes(configuration.effective) { FileHandleOutput.standardError("coop: \(note.printable)\n") }
        try EarlyStart.current.advance()
        if let name = options.name, try Sessions(context: context).all().contains(where: { $0.name == name }) {
            throw CoopError(.usage, "cannot name the sandbox \(name.printable)", "another one has that name", next: "coop ps")
        }
        let id = SessionDirectory.newID()
        task =
            login == nil
            ? try TaskRun.name(options, configuration.effective).map {
                try TaskRun.begin($0, session: id, options: options, context: context)
            } : nil
        session = try SessionDirectory.create(in: context.run, id: id)
        let authority: TrustedAuthority?
        let forwards: ForwardSession
        let grants: SandboxGrants?
        var spec: SandboxSpec
        var work: WorkspaceSession?
        var sandbox: LaunchedSandbox?
        do {
            if login == nil { try context.keep(project, configuration: configuration.effective) }
            grants =
                login != nil
                ? nil
                : try SandboxGrants.make(
                    context: context, project: project, configuration: configuration.effective, profile: try options.profileName(),
                    runs: true)
            let builder = SpecBuilder(
                context: context, project: project, configuration: configuration, options: options, id: id, grants: grants, agent: agent,
                task: task)
            spec = try builder.build(command: command)
            if let grants {
                // A run that could not work does not start, and what programs and keyrings say is known before the first request.
                try grants.session.compiled.verify()
                for note in grants.notes { FileHandleOutput.standardError("coop: \(note.printable)\n") }
                for warning in grants.warnings {
                    FileHandleOutput.standardError("coop: \(warning.message.printable); the agent runs without it\n")
                    if let next = warning.next { FileHandleOutput.standardError("Next: \(next.printable)\n") }
                }
            }
            try login?.prepare(&spec, session: session, context: context)
            if let source = spec.home.source { try context.home.prepare(source) }
            try EarlyStart.current.proceed(with: .outline, of: spec)
            try InputFiles(options.inputFile, context: context, project: project).stage(in: session.file("inputs"), spec: &spec)
            authority = spec.network.usesGateway ? try TrustedAuthority() : nil
            if let authority {
                let cache = context.home.directory(.cache)
                try context.home.prepare(cache)
                for note in try authority.add(to: &spec, cache: cache) {
                    FileHandleOutput.standardError("coop: \(note.printable)\n")
                }
                try EarlyStart.current.proceed(with: .files, of: spec)
            }
            let begun = try WorkspaceSession.prepare(
                spec: &spec, session: session, context: context, project: project, task: task,
                protect: configuration.effective.sandbox.protect.map(\.value))
            work = begun
            forwards = try ForwardSession(spec, configuration.effective, session: session, home: context.home)
            // From here on the warden is at work, and what follows is done beside it; no command is started before all of it is.
            let launched = try SandboxRun.start(spec, session, overlay: begun.takeMount())
            sandbox = launched
            try begun.publish()
            if let authority {
                let proxy = try context.upstreamProxy(
                    spec.network.policy.proxy, isUsers: !(configuration.effective.network.proxy?.origin.layer.isRepository ?? true))
                egress = try SandboxRun.egress(spec, authority, grants, proxy, context: context, loop: loop)
                egress?.optional = try agent?.optionalHosts() ?? []
            } else {
                egress = nil
            }
            forwards.introduce(project, configuration.effective.sandbox.forward)
            if login == nil, agent != nil || options.verbose {
                let introduction = Introduction(spec: spec, agent: agent, profile: agent.flatMap { grants?.profiles[$0.agent.name] })
                FileHandleOutput.standardError(introduction.line + (options.verbose ? introduction.details : ""))
            }
            rules = LivePolicy(spec: spec, home: context.home, egress: egress)
            live =
                egress == nil || login != nil
                ? nil
                : LiveConfiguration(
                    context: context, project: project, options: options, approved: approved, state: state, grants: grants, rules: rules)
            recorder =
                login != nil
                ? nil
                : try SessionRecording(
                    context: context, options: options, spec: spec, project: project, agent: agent, hosting: hosting, grants: grants
                ).recorder(loop: loop)
            notifier = recorder.flatMap { [loop] recorder in
                // What a person runs in the foreground, and no agent, they wait for.
                guard agent != nil || (hosting.map { $0.mode != .keep } ?? false) else { return nil }
                return Notifier(configuration.effective.notify, log: FileSystem.join(recorder.directory, "coop.log"), loop: loop)
            }
            hook = try PrepareHook(configuration.effective, options: options, spec: spec, project: project, task: task, home: context.home)
            self.sandbox = launched
            self.work = begun
        } catch {
            // What was made in the workspace goes with the rest; if even that fails the next command sweeps.
            try? sandbox?.release()
            try? work?.finish()
            if work?.isSettled ?? true { try? session.remove() }
            throw error
        }
        (self.authority, self.forwards, self.grants, self.spec) = (authority, forwards, grants, spec)
    }

    /// Starts the warden, or gives the one that is at work already the rest of its plan.
    private static func start(_ spec: SandboxSpec, _ session: SessionDirectory, overlay: Descriptor?) throws -> LaunchedSandbox {
        let engine = NativeEngine(wardenPath: try WardenProgram.locate(), started: EarlyStart.current.take(), overlay: overlay) {
            try session.recordCgroups($0)
        }
        return try engine.launch(spec)
    }

    /// Begins its supervision.
    private func supervise() throws -> Supervisor {
        let record = SessionRecord(
            id: spec.id, name: spec.name, supervisor: getpid(), warden: sandbox.pid, started: Int64(time(nil)),
            workspace: spec.workspace.path, command: spec.command, engine: NativeEngine.name, log: recorder?.directory,
            task: spec.workspace.task)
        try session.publish(record.text.osBytes)
        let supervisor = Supervisor(sandbox: sandbox, loop: loop, keep: options.keep)
        let control = try session.listen()
        self.control = control
        supervisor.control = { [rules, live] request in
            live?.look()
            return rules.answer(request)
        }
        live?.start(on: loop)
        egress?.whenAsked = { [live] in live?.look() }
        supervisor.isGuarded = { [spec] in try GuardedFiles.include($0, of: spec) }
        supervisor.listen(control)
        if let egress {
            supervisor.whenListening = { [sandbox] listeners in
                egress.listen(listeners)
                // The gateway alone is to hold them: with it they go.
                sandbox.closeListeners()
            }
        }
        egress?.asker = { [rules, spec] question, answer in
            let id = supervisor.questions.ask(question.text(command: spec.command)) { consent in
                let (result, words) = rules.settle(question, by: consent)
                answer(result, words)
            }
            return { supervisor.questions.withdraw(id) }
        }
        _ = loop.after(milliseconds: SandboxRun.settled) { [unowned self] in
            // Without it commits arrive at the end.
            if self.task != nil { self.commits = try? CommitWatch(session: self.spec.id) }
            // What is over sooner leaves no log: nobody could have looked at it.
            try self.beginLog()
            ProgramMemory.giveBack()
        }
        if let recorder { try keepRecord(of: supervisor, in: recorder) }
        // What it changes is found by its log.
        if spec.workspace.mode == .overlay { try recorder?.begin() }
        try login?.begin(supervisor, loop: loop)
        forwards.start(on: loop, questions: supervisor.questions)
        if let seconds = spec.timeout { supervisor.limit(seconds: seconds) }
        self.supervisor = supervisor
        return supervisor
    }

    /// Runs the spec's command at this process's own streams.
    ///
    /// - Returns: how it ended, and whether coop itself was interrupted with it.
    func run(terminal: Bool?) throws -> (code: Int32, interrupted: Bool) {
        let plan = try StreamPlan(terminal: terminal)
        try refuseGuarded((0..<3).filter { plan.sources[Int($0)] == .passed })
        let supervisor = try supervise()
        if let end = try hook?.run(in: supervisor, loop: loop, attends: !options.noInput) { return end }
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        supervisor.serve(Descriptor(owning: ends[0]), ownsSandbox: true)
        let observer = recorder.flatMap { recorder in recorder.hasStream ? { try recorder.structured($0) } : nil }
        if recorder?.hasStream ?? false { try beginLog() }
        let client = CommandClient(
            socket: Descriptor(owning: ends[1]), loop: loop, plan: plan, attends: !options.noInput, observer: observer)
        try client.start(spec.command)
        notifier?.isOpen = true
        try recorder?.change(.working)
        try loop.run()
        if let failure = supervisor.failure { throw failure }
        commandIsOver = client.end != nil
        end = client.end
        timedOut = supervisor.timedOut
        if timedOut { return (124, false) }
        return (try CommandOutcome.code(of: client, command: spec.command), client.wasInterrupted)
    }

    /// Supervises the sandbox for clients on the control socket until its command has ended, or until `coop stop` when it is kept.
    ///
    /// - Parameter ready: called once the sandbox can be reached, and what it is about has been started.
    /// - Throws: `ProcessResult` when the command could not be started.
    func serve(_ hosting: Hosting, ready: @escaping () throws -> Void) throws {
        try refuseGuarded(hosting.standardError.map { [$0.number] } ?? [])
        let supervisor = try supervise()
        if let end = try hook?.run(in: supervisor, loop: loop, attends: false) { throw ProcessResult(code: end.code) }
        // What the hook's client has taken over is the process's own again.
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        try beginLog()
        let host = try hosting.start(spec.command, supervisor: supervisor, recorder: recorder, loop: loop) { [unowned self] in
            try ready()
            self.notifier?.isOpen = true
        }
        supervisor.whenOver = { [loop] in
            try host?.settle()
            loop.stop()
        }
        try loop.run()
        if let failure = supervisor.failure { throw failure }
        end = host?.end
        commandIsOver = end != nil
        timedOut = supervisor.timedOut
    }

    private func refuseGuarded(_ streams: [Int32]) throws {
        let isGuarded: Bool
        do { isGuarded = try streams.contains { try GuardedFiles.include($0, of: spec) } } catch let error as SystemError {
            throw CommandOutcome.guardedFile(error.errno)
        }
        if isGuarded { throw CommandOutcome.guardedFile(EPERM) }
    }

    private func beginLog() throws {
        guard let recorder else { return }
        try recorder.begin()
        try changes?.begin()
    }

    /// What happens in the sandbox beside its command belongs to its log.
    private func keepRecord(of supervisor: Supervisor, in recorder: SessionRecorder) throws {
        egress?.whenDecided = { details in try recorder.record(.egress, SessionRecording.fields(details)) }
        egress?.whenRenewed = { if recorder.isKept { try recorder.renewSecrets() } }
        let executions = ExecutionRecorder(recorder: recorder, loop: loop)
        supervisor.furtherCommands = executions
        self.executions = executions
        switch spec.workspace.mode {
        case .bind: changes = ChangeRecorder(root: spec.workspace.path, recorder: recorder, loop: loop)
        case .overlay:
            let directory = OverlayDirectory(path: spec.workspace.overlay ?? "")
            changes = ChangeRecorder(root: directory.upper, recorder: recorder, loop: loop)
        case .none: break
        }
        if let notifier { recorder.observe { [unowned recorder] _ in notifier.changed(recorder.summary) } }
    }

    /// How the command ended, once it has.
    private var end: ProcessEnd?
    private var timedOut = false

    /// Ends the log: everything is cleared away, or `error` says why it could not go on.
    private func conclude(_ error: (any Error)?) throws {
        guard let recorder else { return }
        if let error, !(error is ProcessResult) {
            try recorder.failed(error as? CoopError ?? CoopError(.failed, "cannot supervise the sandbox", "\(error)", next: "coop doctor"))
        } else if timedOut {
            try recorder.exited(124)
        } else {
            // A kept sandbox has no command of its own.
            let end = end ?? (options.keep ? .exited(0) : .signaled(UInt8(SIGKILL)))
            if case .signaled(let number) = end { try recorder.exited(end.code, signal: number) } else { try recorder.exited(end.code) }
        }
    }

    /// Where a supervisor without a terminal writes what it has to say; nil without a log.
    var log: String? { recorder.map { FileSystem.join($0.directory, "coop.log") } }

    /// Says to whoever looks at the session what its end has to say.
    func tell(_ text: String) { supervisor?.tell(text) }

    private static func egress(
        _ spec: SandboxSpec, _ authority: TrustedAuthority, _ grants: SandboxGrants?, _ proxy: UpstreamProxy?, context: Context,
        loop: EventLoop
    ) throws -> EgressSession {
        let policy = try CompiledNetworkPolicy(spec.network.policy, addressGuard: AddressGuard(own: HostAddresses.own()))
        let directory = context.home.directory(.audit)
        return EgressSession(
            program: try GatewayProgram.locate(), arguments: spec.degraded.contains(.landlock) ? ["--degraded=landlock"] : [],
            policy: policy, grants: grants?.session, proxy: proxy, session: spec.id, loop: loop,
            configuration: {
                WorkerConfiguration(
                    authority: authority.authority, roots: try TrustedAuthority.roots(further: spec.network.policy.certificateFiles),
                    watch: try grants?.watch() ?? SecretWatch())
            },
            watch: { () throws(CoopError) in try grants?.watch() ?? SecretWatch() },
            audit: {
                try context.home.prepare(directory)
                return try AuditWriter(log: AuditLog(directory: directory), acknowledge: .written)
            })
    }

    /// What of the command's traffic was refused, a line each, for the end of the run.
    var refusals: [String] { egress.map(EgressReport.lines) ?? [] }

    /// What there is to say once everything has been cleared away, line by line.
    var closing: [String] {
        guard work.changed > 0 else { return refusals }
        let files = work.changed == 1 ? "1 path differs" : "\(work.changed) paths differ"
        return refusals + [
            "coop: \(files) in the overlay; \(spec.workspace.path.printable) is as it was\nNext: coop diff \(spec.name ?? spec.id)\n"
        ]
    }

    /// Clears away everything on the host; commits made inside arrive in the repository.
    ///
    /// - Parameter failure: why the sandbox could not go on.
    func cleanUp(after failure: (any Error)? = nil) throws {
        var first: (any Error)?
        func attempt(_ body: () throws -> Void) { do { try body() } catch { first = first ?? error } }
        // The warden says that a command is over when no process is left but itself. What remains is the kernel taking the
        // namespaces down, which goes on beside the work here.
        if !commandIsOver { attempt { try sandbox.release() } }
        live?.stop()
        login?.end()
        forwards.stop()
        if let commits {
            commits.stop()
            attempt { for cgroup in try session.importCgroups() { try NativeEngine.removeCgroup(cgroup) } }
        }
        attempt { try work.finish() }
        attempt { try sandbox.release() }
        grants?.gate.close()
        egress?.end()
        attempt { try executions?.finish() }
        attempt { try changes?.finish() }
        attempt { try conclude(failure ?? first) }
        attempt { if work.isSettled { try session.remove() } }
        if let recorder, recorder.isKept { notifier?.ended(recorder.summary) }
        if let first { throw first }
    }
}
