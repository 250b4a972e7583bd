import Audit
import CoopErrors
import Forwarding
import Glibc
import LinuxKernel
import Projects
import Sandbox
import WardenProtocol

/// What the supervisor does for the forwards of one sandbox: sockets of its own, and what stands between them and the host's.
final class ForwardSession {
    private let spec: SandboxSpec
    private let home: CoopHome
    private let rules: AgentRules
    private var listeners: [String: Descriptor] = [:]
    private var agents: [AgentProxy] = []
    private var relays: [SocketRelay] = []

    /// Makes the sockets and files that the sandbox's mounts lead to.
    init(_ spec: SandboxSpec, _ configuration: Configuration, session: SessionDirectory, home: CoopHome) throws(CoopError) {
        self.spec = spec
        self.home = home
        rules = AgentRules(
            keys: configuration.sshKeys.map { AgentRules.Key(fingerprint: $0.value.fingerprint, confirms: $0.value.confirms) })
        for forward in spec.forwards where forward.way != .bound { listeners[forward.name] = try session.listen(forward.name) }
        for mount in spec.mounts where FileSystem.lastComponent(of: mount.source) == XDisplay.authorityName {
            guard mount.source == session.file(XDisplay.authorityName),
                let contents = XDisplay(environmentVariable("DISPLAY") ?? "")?.authority(userHome: home.userHome)
            else { continue }
            do { try FileSystem.replace(mount.source, with: contents, mode: 0o600) } catch {
                throw CoopError(.failed, "cannot forward the display", "\(error)", next: "check the space in \(home.path.printable)")
            }
        }
    }

    /// Takes connections from now on.
    func start(on loop: EventLoop, questions: QuestionQueue) {
        for forward in spec.forwards {
            guard let listener = listeners[forward.name] else { continue }
            if forward.way == .filtered {
                let proxy = AgentProxy(listener: listener, agent: forward.host, rules: rules, loop: loop)
                proxy.isAttended = { questions.isAttended }
                proxy.ask = { [name = FileSystem.lastComponent(of: spec.command.first ?? "").printable] what, answer in
                    let who = name.isEmpty ? "the command" : name
                    questions.ask("coop: \(who) wants to \(what) — allow? [o]nce, [s]ession, [n]o ", answer)
                }
                proxy.record = { [unowned self] in try self.record($0, forward) }
                proxy.unrecorded = { ForwardSession.say($0, forward) }
                agents.append(proxy)
            } else {
                let relay = SocketRelay(listener: listener, host: forward.host, loop: loop)
                relay.opening = { [unowned self] in try self.record(forward, [AuditDetail("action", "connect")]) }
                relay.refused = { ForwardSession.say($0, forward) }
                relays.append(relay)
            }
        }
    }

    func stop() {
        for agent in agents { agent.stop() }
        for relay in relays { relay.stop() }
    }

    /// Says what a forward gives away, the first time that a project uses it, and each time what could not be had.
    func introduce(_ project: Project, _ settings: [Setting<ForwardChoice>]) {
        if settings.isEmpty { return }
        // It has been built without an error a moment ago.
        let missing = (try? ForwardBuilder(userHome: home.userHome, session: "").build(settings))?.missing ?? []
        for text in missing { FileHandleOutput.standardError("coop: \(text)\n") }
        let path = FileSystem.join(home.directory(of: project.key), "forwards")
        let known = (try? FileSystem.read(path, limit: 4096)).map { String(osBytes: $0).split(separator: "\n").map(String.init) } ?? []
        let new = ForwardSession.warnings(spec).filter { !known.contains($0.name) }
        guard !new.isEmpty else { return }
        for (_, text) in new { FileHandleOutput.standardError("coop: \(text)\n") }
        // Where it cannot be kept it is said again.
        try? home.prepare(home.directory(of: project.key))
        try? FileSystem.replace(path, with: (known + new.map(\.name)).joined(separator: "\n").utf8, mode: 0o600)
    }

    /// One sentence for each of a sandbox's forwards.
    static func warnings(_ spec: SandboxSpec) -> [(name: String, text: String)] {
        var seen: Set<String> = []
        return spec.forwards.filter { seen.insert($0.name).inserted }.compactMap { forward in
            ForwardChoice(rawValue: forward.name).map { (forward.name, "\(forward.name) is forwarded: \($0.warning)") }
        }
    }

    /// Says why a forward is closed from now on: what runs inside learns only that it is.
    private static func say(_ error: any Error, _ forward: Forward) {
        let error =
            error as? CoopError
            ?? CoopError(.failed, "the use of \(forward.name) cannot be recorded", "\(error)", next: "coop audit verify")
        Notice.say(
            "coop: \(forward.name) is refused to the sandbox: \(error.message.printable)\nNext: \(error.next?.printable ?? "coop audit verify")"
        )
    }

    private func record(_ use: AgentProxy.Use, _ forward: Forward) throws {
        var details = [AuditDetail("action", use.action)]
        if !use.fingerprint.isEmpty { details.append(AuditDetail("key", use.fingerprint)) }
        switch use.purpose {
        case .login(let user): details += [AuditDetail("purpose", "login"), AuditDetail("user", user)]
        case .signature(let namespace): details += [AuditDetail("purpose", "signature"), AuditDetail("namespace", namespace)]
        case .unknown(let bytes): details += [AuditDetail("purpose", "unknown"), AuditDetail("bytes", bytes)]
        case nil: break
        }
        details += [AuditDetail("answer", use.answer), AuditDetail("decision", use.isAllowed ? "allow" : "deny")]
        try record(forward, details)
    }

    private func record(_ forward: Forward, _ details: [AuditDetail]) throws {
        let directory = home.directory(.audit)
        try home.prepare(directory)
        let entry = AuditEntry(.forward, session: spec.id, details: [AuditDetail("forward", forward.name)] + details)
        try AuditLog(directory: directory).append(entry, durable: false)
    }
}
