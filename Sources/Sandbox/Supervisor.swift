import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import WardenProtocol

/// Watches over one sandbox: passes requests of its clients to the warden and answers back, keeps the time limit, and
/// ends the sandbox when its command is over or its client is gone.
public final class Supervisor {
    /// One connection: the terminal that started the sandbox, or a later `coop exec`, `shell` or `stop`.
    private final class Client {
        let channel: FrameChannel
        /// Whether its first command is the one that the sandbox exists for.
        let ownsSandbox: Bool
        /// The client's own numbers for commands, by ours.
        var commands: [UInt32: UInt32] = [:]
        /// Whether a person looks at it.
        var isPerson = false

        init(channel: FrameChannel, ownsSandbox: Bool) {
            self.channel = channel
            self.ownsSandbox = ownsSandbox
        }
    }

    /// How long a command may take to end by itself after TERM, in milliseconds.
    public static let grace: UInt64 = 5000

    private let sandbox: LaunchedSandbox
    private let loop: EventLoop
    /// Keep the sandbox when its command has ended, until `coop stop`.
    private let keep: Bool
    private var clients: [Int32: Client] = [:]
    private var nextCommand: UInt32 = 1
    /// Connections into the sandbox that have been asked for.
    private var connections: [UInt32: (Descriptor?) -> Void] = [:]
    private var nextConnection: UInt32 = 1
    /// What a rule leaves to the person at a client's terminal.
    public let questions: QuestionQueue
    private var isReady = false
    /// Somebody has asked for the end of a kept sandbox.
    private var isEnding = false
    /// Why the sandbox could not start.
    public private(set) var failure: CoopError?
    /// Whether every process of the sandbox is gone.
    public private(set) var isOver = false
    /// Called once, when the sandbox is ready, with the sockets on which its traffic arrives; not without a gateway. What a fast
    /// command has sent by then waits in them.
    public var whenListening: ([GatewayListener]) throws -> Void = { _ in }
    /// Answers what clients ask about the network.
    public var control: (ControlRequest) -> ControlReply = { _ in
        .refused(code: "failed", what: "cannot ask about the network", why: "this sandbox has no answer", next: "coop ps")
    }
    /// Holds the terminal of the command that the session is about; nil where that is a client's.
    public var host: (any TerminalHost)?
    /// Is told of what clients run beside the command that the sandbox is for.
    public var furtherCommands: (any FurtherCommands)?
    /// Whether a descriptor must not be handed to a further command; for the sandbox's own that is looked at by whoever starts it. What cannot
    /// be looked at is not handed over either.
    public var isGuarded: (Int32) throws -> Bool = { _ in false }
    /// Called once every process is gone.
    public var whenOver: () throws -> Void = {}
    /// Whether the time limit ended it.
    public private(set) var timedOut = false

    public init(sandbox: LaunchedSandbox, loop: EventLoop, keep: Bool = false) {
        self.sandbox = sandbox
        self.loop = loop
        self.keep = keep
        questions = QuestionQueue()
        loop.watch(sandbox.channel.socket.number) { [unowned self] _ in try self.readWarden() }
    }

    /// Ends the command after this many seconds: TERM to every process, then KILL.
    public func limit(seconds: Double) {
        loop.after(milliseconds: UInt64(seconds * 1000)) { [unowned self] in
            self.timedOut = true
            try self.terminate()
        }
    }

    /// Asks every process to end, and ends them after the grace period.
    public func terminate() throws {
        try tellWarden(.signal(.everything, UInt8(SIGTERM)))
        // A stopped process cannot act on TERM.
        try tellWarden(.signal(.everything, UInt8(SIGCONT)))
        loop.after(milliseconds: Supervisor.grace) { [unowned self] in
            try self.tellWarden(.signal(.everything, UInt8(SIGKILL)))
        }
        guard !keep else { return }
        // A warden that does not answer (stopped, or starved by the command) goes itself, and with it every process of its
        // namespace. Its number is not reused: it is this process's child, and not yet waited for.
        loop.after(milliseconds: Supervisor.grace + 1500) { [unowned self] in
            if !self.isOver { kill(self.sandbox.pid, SIGKILL) }
        }
    }

    /// Connects to a port of the sandbox's own loopback.
    ///
    /// - Parameter done: gets the connected socket; nil when nobody listens there, or the sandbox is over.
    public func connect(port: UInt16, _ done: @escaping (Descriptor?) -> Void) throws {
        guard !isOver else { return done(nil) }
        let id = nextConnection
        nextConnection &+= 1
        connections[id] = done
        try tellWarden(.connect(id: id, port: port))
    }

    // MARK: - Clients

    /// Serves a connected client.
    public func serve(_ socket: Descriptor, ownsSandbox: Bool) {
        let client = Client(channel: FrameChannel(socket, limit: 4 << 20), ownsSandbox: ownsSandbox)
        clients[socket.number] = client
        loop.watch(socket.number) { [unowned self] _ in try self.readClient(client) }
    }

    /// Accepts clients of the same user on a listening socket.
    public func listen(_ socket: Descriptor) {
        loop.watch(socket.number) { [unowned self] _ in
            let number = coop_accept(socket.number)
            // The client may be gone again; nothing else depends on it.
            guard number >= 0 else { return }
            let connection = Descriptor(owning: number)
            var pid: pid_t = 0
            var user: uid_t = 0
            guard coop_peer(number, &pid, &user) == 0, user == getuid() else { return }
            self.serve(connection, ownsSandbox: false)
        }
    }

    private func readClient(_ client: Client) throws {
        let frames: [(frame: Frame, descriptors: [Descriptor])]?
        do { frames = try client.channel.receive() } catch {
            // A client that does not speak the protocol is dropped like one that has gone.
            try drop(client)
            return
        }
        guard let frames else {
            try drop(client)
            return
        }
        for (frame, descriptors) in frames {
            switch frame {
            case .start(var request):
                if isOver {
                    // The warden was gone before this was read: nobody else would ever answer. A client that is gone needs none.
                    try client.channel.sendIfOpen(.exited(id: request.id, .signaled(UInt8(SIGKILL))))
                    continue
                }
                if !client.ownsSandbox, let number = refusal(of: descriptors) {
                    try client.channel.sendIfOpen(.exited(id: request.id, .notStarted(step: GuardedFiles.step, errno: number)))
                    continue
                }
                let id = nextCommand
                nextCommand += 1
                client.commands[id] = request.id
                request.id = id
                request.isMain = client.ownsSandbox && !keep
                request.environment = Supervisor.merged(sandbox.environment, request.environment)
                if request.workingDirectory.isEmpty { request.workingDirectory = sandbox.workingDirectory }
                if !client.ownsSandbox { try furtherCommands?.began(id, request) }
                try tellWarden(.start(request), descriptors)
            case .signal(.command(0), let number): try host?.signal(number)
            case .signal(.command(let theirs), let number):
                guard let ours = client.commands.first(where: { $0.value == theirs })?.key else { continue }
                try tellWarden(.signal(.command(ours), number))
            case .signal(.everything, let number):
                try tellWarden(.signal(.everything, number))
            case .end:
                try terminate()
                isEnding = true
                try endIfIdle()
            case .attend:
                client.isPerson = true
                // A client that is gone is seen by the next reading.
                questions.attend(client.channel.socket.number) { frame in try? client.channel.sendIfOpen(frame) }
            case .attach(let rows, let columns, let isReadOnly):
                guard let host else {
                    try client.channel.sendIfOpen(.detached)
                    continue
                }
                client.isPerson = true
                try host.attach(client.channel.socket.number, rows: rows, columns: columns, isReadOnly: isReadOnly) { frame, descriptors in
                    // A client that is gone is seen by the next reading.
                    try client.channel.sendIfOpen(frame, descriptors: descriptors)
                }
            case .resize(let rows, let columns): try host?.resize(client.channel.socket.number, rows: rows, columns: columns)
            case .type(let input):
                try host?.type(input)
                try client.channel.sendIfOpen(.reply(.report("{}")))
            case .detachAll: try host?.detachAll()
            case .answer(let id, let consent): questions.answer(client.channel.socket.number, id: id, consent)
            case .control(let request):
                // A client that is gone needs no answer; its end is seen by the next reading.
                try client.channel.sendIfOpen(.reply(control(request)))
            default:
                try drop(client)
                return
            }
        }
    }

    /// The sandbox's environment with the client's variables in place of those of the same name.
    private static func merged(_ base: [String], _ own: [String]) -> [String] {
        let names = Set(own.map { $0.prefix { $0 != "=" } })
        return base.filter { !names.contains($0.prefix { $0 != "=" }) } + own
    }

    /// A kept sandbox that is to end does so once no command is left; what runs in the background gets a moment.
    private func endIfIdle() throws {
        guard keep, isEnding, clients.values.allSatisfy(\.commands.isEmpty) else { return }
        loop.after(milliseconds: 300) { [unowned self] in try self.tellWarden(.end) }
    }

    /// A client that has gone takes its commands along, as a closed terminal does.
    private func drop(_ client: Client) throws {
        loop.unwatch(client.channel.socket.number)
        clients[client.channel.socket.number] = nil
        questions.leave(client.channel.socket.number)
        try host?.leave(client.channel.socket.number)
        for id in client.commands.keys {
            try tellWarden(.signal(.command(id), UInt8(SIGHUP)))
            try tellWarden(.signal(.command(id), UInt8(SIGCONT)))
        }
        if client.ownsSandbox, !keep { try terminate() }
    }

    /// Tells everybody connected what coop has to say at the end.
    public func tell(_ text: String) {
        for client in clients.values where client.isPerson { try? client.channel.sendIfOpen(.notice(text)) }
    }

    /// Why a command must not have one of its descriptors; nil when it may have them all.
    private func refusal(of descriptors: [Descriptor]) -> Int32? {
        do { return try descriptors.contains { try isGuarded($0.number) } ? EPERM : nil } catch {
            return (error as? SystemError)?.errno ?? EIO
        }
    }

    // MARK: - Warden

    private func tellWarden(_ frame: Frame, _ descriptors: [Descriptor] = []) throws {
        try sandbox.channel.sendIfOpen(frame, descriptors: descriptors)
    }

    private func readWarden() throws {
        let frames: [(frame: Frame, descriptors: [Descriptor])]?
        do { frames = try sandbox.channel.receive() } catch {
            throw CoopError(.failed, "the warden does not keep to the protocol", "\(error)", next: "coop doctor")
        }
        guard let frames else {
            // The kernel ends every process of the sandbox with its first one.
            loop.unwatch(sandbox.channel.socket.number)
            try reportEnd(.signaled(UInt8(SIGKILL)))
            isOver = true
            try whenOver()
            return
        }
        for (frame, descriptors) in frames { try handle(frame, descriptors) }
    }

    private func handle(_ frame: Frame, _ descriptors: [Descriptor]) throws {
        switch frame {
        case .listeners(let sockets):
            guard !isReady else {
                throw CoopError(.failed, "the warden does not keep to the protocol", "sockets after its set-up", next: "coop doctor")
            }
            try sandbox.receive(sockets, descriptors)
        case .ready:
            try sandbox.requireListeners()
            isReady = true
            if !sandbox.listeners.isEmpty { try whenListening(sandbox.listeners) }
        case .failed(let step, let subject, let number, let reason):
            failure = SetupExplanation.error(step: step, subject: subject, errno: number, reason: reason)
            loop.stop()
        case .started(let id, let pid):
            try withClient(of: id) { client, theirs in
                // The copy comes last: a client that wants none does not take it for its terminal.
                let copy = client.ownsSandbox ? nil : try furtherCommands?.copy(of: id)
                try client.channel.send(.started(id: theirs, pid: pid), descriptors: descriptors + (copy.map { [$0] } ?? []))
            }
        case .stopped(let id, let signal):
            try withClient(of: id) { client, theirs in try client.channel.send(.stopped(id: theirs, signal: signal)) }
        case .exited(let id, let end):
            try withClient(of: id) { client, theirs in
                client.commands[id] = nil
                try client.channel.send(.exited(id: theirs, end))
            }
            // Also of one whose client is gone.
            try furtherCommands?.ended(id, end)
            try endIfIdle()
        case .connected(let id, let number):
            guard let done = connections.removeValue(forKey: id), (number == 0) == (descriptors.count == 1) else {
                throw CoopError(.failed, "the warden does not keep to the protocol", "an unexpected connection", next: "coop doctor")
            }
            done(descriptors.first)
        case .ended:
            loop.unwatch(sandbox.channel.socket.number)
            isOver = true
            try whenOver()
        default: throw CoopError(.failed, "the warden does not keep to the protocol", "an unexpected frame", next: "coop doctor")
        }
    }

    private func withClient(of id: UInt32, _ body: (Client, UInt32) throws -> Void) throws {
        guard let client = clients.values.first(where: { $0.commands[id] != nil }), let theirs = client.commands[id] else { return }
        do { try body(client, theirs) } catch is SystemError { try drop(client) }
    }

    /// Tells every client that its commands are over.
    private func reportEnd(_ end: ProcessEnd) throws {
        for client in clients.values {
            for theirs in client.commands.values {
                // A client that is gone needs no answer.
                try? client.channel.send(.exited(id: theirs, end))
            }
            client.commands = [:]
        }
    }
}
