import Agents
import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox
import Vault
import Workspaces

/// The sandbox in which an agent logs in: nothing of any project, only what the login has to reach, and a HOME that goes with it. What the
/// agent wants to be opened in a browser is shown, and the browser's way back leads inside.
final class LoginSandbox {
    /// Addresses that are shown, and ports that lead inside, at most: a program could go on and on.
    private static let addressLimit = 16
    private static let portLimit = 4
    private static let pipeName = ".coop-addresses"
    /// Where the programs lie inside that would open a browser.
    private static let programs = "/run/coop/browser"
    private static let names = ["xdg-open", "sensible-browser", "x-www-browser", "www-browser"]
    private static let script = """
        #!/bin/sh
        # Opens nothing: the address goes to coop, which shows it.
        for word; do
            case $word in http://* | https://*) printf '%s\\n' "$word" >>"$HOME/\(pipeName)" ;; esac
        done

        """

    private let agent: Agent
    private let login: Agent.Login
    let service: OAuthService
    /// The HOME's directory on the host.
    private var home: String?
    private var pipe: Descriptor?
    private var pending: [UInt8] = []
    private var shown: [BrowserAddress] = []
    private var forwards: [LoopbackForward] = []
    private var supervisor: Supervisor?
    private var loop: EventLoop?

    /// - Throws: `usage` for an agent whose login coop could not keep.
    init(_ agent: Agent) throws(CoopError) {
        guard let login = agent.login, let service = login.service else {
            let provider = agent.providers.first.flatMap { try? ProviderCatalog.find($0) }
            throw CoopError(
                .usage, "cannot log in with \(agent.title.printable)", "coop cannot keep its login outside of the sandbox",
                next: provider.flatMap { provider in provider.variables.first.map { "coop secret add \($0) --provider \(provider.name)" } }
                    ?? "coop run \(agent.name) \(agent.login?.command.dropFirst().joined(separator: " ") ?? "")")
        }
        self.agent = agent
        self.login = login
        self.service = service
    }

    /// - Parameter further: arguments of the user's for the agent's own command.
    func command(_ further: [String]) -> [String] { [agent.name] + login.command.dropFirst() + further }

    /// Of the user's configuration, what says how servers are reached; nothing else is allowed.
    func configuration(_ context: Context) throws(CoopError) -> ApprovedConfiguration {
        let flags = RunOptions(network: NetworkMode.scoped.rawValue, workspace: WorkspaceMode.none.rawValue).flags
        var loaded = try LoadedConfiguration.load(project: nil, home: context.home, flags: flags)
        loaded.layers = loaded.layers.map { $0.layer == .flags ? $0 : $0.keeping([.deny, .ca, .proxy, .hosts]) }
        loaded.layers.append(
            ConfigurationLayer.agent(
                agent.name, bundles: [], allow: login.hosts, environment: agent.environment.map { ($0.name, $0.value) }, grants: []))
        return ApprovedConfiguration(loaded: loaded, items: [])
    }

    // MARK: - While it lives

    /// Gives it a HOME of its own, and programs that open no browser.
    func prepare(_ spec: inout SandboxSpec, session: SessionDirectory, context: Context) throws {
        let home = session.file("home")
        try context.home.prepare(home)
        self.home = home
        spec.home.source = home
        let pipe = FileSystem.join(home, LoginSandbox.pipeName)
        try check("mkfifo", pipe) { pipe.withOSBytes { mkfifo($0, 0o600) } }
        // Open for writing too, so that it has no end and nobody inside waits for a reader.
        self.pipe = try Descriptor.open(pipe, O_RDWR | O_NONBLOCK | O_NOFOLLOW)

        let directory = session.file("browser")
        try context.home.prepare(directory)
        for name in LoginSandbox.names {
            try FileSystem.replace(FileSystem.join(directory, name), with: LoginSandbox.script.utf8, mode: 0o755)
        }
        spec.mounts.append(
            Mount(source: directory, target: LoginSandbox.programs, readOnly: true, isDirectory: true, reason: "coop auth login"))
        spec.environment.removeAll { ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"].contains($0.name) }
        spec.environment.append(
            EnvironmentVariable(name: "BROWSER", value: FileSystem.join(LoginSandbox.programs, LoginSandbox.names[0]), origin: "coop"))
        for index in spec.environment.indices where spec.environment[index].name == "PATH" {
            spec.environment[index].value = LoginSandbox.programs + ":" + spec.environment[index].value
        }
    }

    /// Shows addresses and leads browsers back from now on.
    func begin(_ supervisor: Supervisor, loop: EventLoop) throws {
        self.supervisor = supervisor
        self.loop = loop
        for port in login.ports { forward(port) }
        guard let pipe else { return }
        loop.watch(pipe.number) { [unowned self] _ in self.read(pipe) }
    }

    func end() {
        if let pipe { loop?.unwatch(pipe.number) }
        for forward in forwards { forward.stop() }
        forwards = []
        supervisor = nil
    }

    private func read(_ pipe: Descriptor) {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(pipe.number, &chunk, chunk.count)
        guard count > 0 else { return }
        pending += chunk[..<count]
        while let end = pending.firstIndex(of: 10) {
            let line = String(decoding: pending[..<end], as: UTF8.self)
            pending.removeSubrange(...end)
            if let address = BrowserAddress(line) { show(address) }
        }
        if pending.count > BrowserAddress.limit { pending = [] }
    }

    private func show(_ address: BrowserAddress) {
        guard !shown.contains(address), shown.count < LoginSandbox.addressLimit else { return }
        shown.append(address)
        // The way back is there before anybody could come.
        if let port = address.callbackPort { forward(port) }
        Notice.say("coop: open this address in the browser of this machine:\n\(address.text)\n")
    }

    private func forward(_ port: UInt16) {
        guard let loop, let supervisor, forwards.count < LoginSandbox.portLimit, !forwards.contains(where: { $0.port == port }) else {
            return
        }
        do throws(CoopError) {
            forwards.append(try LoopbackForward(port: port, loop: loop, supervisor: supervisor))
        } catch {
            Notice.say("coop: \(error.message.printable)\nNext: \((error.next ?? "").printable)\n")
        }
    }

    // MARK: - Afterwards

    /// What the agent has written: the credential file, and whose login it is. The command inside may have left anything there.
    func result() throws(CoopError) -> (contents: [UInt8], account: String?) {
        guard let home, let directory = try? BeneathDirectory(home) else { throw nothing("its home is gone") }
        let contents: [UInt8]?
        do { contents = try directory.read(service.path, limit: LoginSandbox.fileLimit) } catch { throw nothing(error.reason) }
        guard let contents, let document = JSONValue.parsed(contents), service.holdsLogin(document) else {
            throw nothing("it ended without a login in \(service.path)")
        }
        var account = ProfileStore.account(of: document, service)
        if account == nil, let place = service.account, let bytes = try? directory.read(place.file, limit: LoginSandbox.fileLimit) {
            account = JSONValue.parsed(bytes)?.at(place.path)?.string
        }
        // It is shown, and comes from inside.
        return (contents, account.map { String($0.printable.prefix(100)) })
    }

    private static let fileLimit = 1 << 20

    private func nothing(_ why: String) -> CoopError {
        CoopError(
            .failed, "\(agent.title.printable) has not logged in", why, next: "coop auth login --agent \(agent.name)   # once more")
    }
}
