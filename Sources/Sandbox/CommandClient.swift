import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import WardenProtocol

/// The user's end of a command: connects the terminal or pipes, passes on signals and window sizes, and knows how the
/// command ended. It speaks to a supervisor over a socket, in the same process or in another one.
public final class CommandClient {
    private let channel: FrameChannel
    private let loop: EventLoop
    private let plan: StreamPlan
    private let descriptors: [Int32]
    private static let command: UInt32 = 1

    private let outerTerminal: TerminalMode
    /// The master side of the command's terminal.
    private var terminal: Descriptor?
    /// Our ends of the pipes that relay sockets.
    private var relays: [Descriptor] = []
    private var inputPump: Pump?
    private var outputPumps: [Pump] = []
    private var signals: Descriptor?
    /// Takes a copy of what is relayed, for the log of the session that the command runs in; nil where nobody wants one.
    private var copy: Descriptor?
    private var interrupted = false
    /// Whether a person may be asked at this process's terminal.
    private let attends: Bool
    private let observer: (([UInt8]) throws -> Void)?
    private var question: TerminalQuestion?
    /// How the command ended; nil while it runs.
    public private(set) var end: ProcessEnd?

    /// Signals that the command should see in coop's place.
    private static let forwarded: [Int32] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM]
    private static let own: [Int32] = [SIGWINCH, SIGTSTP, SIGCONT]

    /// - Parameters:
    ///   - socket: connected to the supervisor.
    ///   - attends: whether a person may be asked at this process's terminal, if it has one.
    ///   - observer: gets a copy of what the command writes to standard output, where that is no terminal; it is relayed then.
    public init(
        socket: Descriptor, loop: EventLoop, plan: StreamPlan, descriptors: [Int32] = [0, 1, 2], attends: Bool = false,
        observer: (([UInt8]) throws -> Void)? = nil
    ) {
        self.attends = attends
        self.observer = observer
        var plan = plan
        if observer != nil, plan.sources[1] == .passed { plan.sources[1] = .relayed }
        channel = FrameChannel(socket)
        self.loop = loop
        self.plan = plan
        self.descriptors = descriptors
        outerTerminal = TerminalMode(descriptors[0])
    }

    deinit { restoreTerminals() }

    /// Gives the user's terminal back as it was found, a pager's keyboard included: a pager may end without a last word
    /// from which that could be seen.
    private func restoreTerminals() {
        borrowed?.mode.restore()
        borrowed = nil
        outerTerminal.restore()
    }

    /// Whether the command died of an interrupt that coop got, too: the caller's shell should see the same.
    public var wasInterrupted: Bool { interrupted && end == .signaled(UInt8(SIGINT)) }

    /// Asks for the command. The loop then runs until it has ended and stops.
    ///
    /// - Parameters:
    ///   - environment: `NAME=value` beyond the sandbox's own.
    ///   - workingDirectory: empty for the sandbox's own.
    public func start(_ arguments: [String], environment: [String] = [], workingDirectory: String = "") throws {
        var request = ProcessRequest(
            id: CommandClient.command, arguments: arguments, environment: environment, workingDirectory: workingDirectory,
            streams: plan.streams, umask: CommandClient.currentUmask())
        if plan.usesTerminal {
            request.controlsTerminal = true
            if let outer = outerTerminalNumber { _ = coop_get_window(outer, &request.rows, &request.columns) }
            if request.rows == 0 { (request.rows, request.columns) = (24, 80) }
        }
        try watchSignals()
        var handed: [Descriptor] = []
        for (index, source) in plan.sources.enumerated() {
            switch source {
            case .passed: handed.append(Descriptor(owning: try check("dup") { fcntl(descriptors[index], F_DUPFD_CLOEXEC, 3) }))
            case .readableTerminal: handed.append(try Descriptor.open("/proc/self/fd/\(descriptors[index])", O_RDONLY | O_NOCTTY))
            case .relayed: handed.append(try relay(index))
            case .terminal, .null: break
            }
        }
        if attends, TerminalQuestion.open() != nil { try channel.send(.attend) }
        try channel.send(.start(request), descriptors: handed)
        loop.watch(channel.socket.number) { [unowned self] _ in try self.readChannel() }
    }

    /// The mask of this process, which can only be read by setting it (umask(2)).
    private static func currentUmask() -> UInt16 {
        let mask = umask(0o077)
        umask(mask)
        return UInt16(truncatingIfNeeded: mask)
    }

    /// The first of the streams that is a terminal.
    private var outerTerminalNumber: Int32? { descriptors.first { isatty($0) == 1 } }

    private func relay(_ index: Int) throws(SystemError) -> Descriptor {
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        let (reader, writer) = (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
        if index == 0 {
            relays.append(writer)
            let number = writer.number
            let pump = Pump(
                from: descriptors[0], to: number, loop: loop,
                finished: { [unowned self] in
                    // End of file for the command: the only writer goes away.
                    self.relays.removeAll { $0.number == number }
                })
            inputPump = pump
            pump.start()
            return reader
        }
        relays.append(reader)
        let number = reader.number
        let pump = Pump(
            from: number, to: descriptors[index], loop: loop,
            transform: { [unowned self] piece in
                if index == 1 { self.observe(piece) }
                self.record(piece)
                return piece
            },
            finished: { [unowned self] in
                self.relays.removeAll { $0.number == number }
            })
        // It starts with the command: by then it is known who wants a copy.
        outputPumps.append(pump)
        return writer
    }

    private func observe(_ piece: [UInt8]) {
        // The loop ends with what is thrown here.
        do { try observer?(piece) } catch { loop.fail(error) }
    }

    /// Writes what the command has written for the session's log. That goes ahead of showing it: what a person has seen is recorded, even
    /// if this process is killed. A supervisor that writes to a slow disk is waited for, as its own command does.
    private func record(_ piece: [UInt8]) {
        guard let copy else { return }
        var rest = piece[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(copy.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            // The session is over; the command's end follows.
            guard count > 0 else { return self.copy = nil }
            rest = rest.dropFirst(count)
        }
    }

    // MARK: - Supervisor

    private func readChannel() throws {
        guard let frames = try channel.receive() else {
            loop.unwatch(channel.socket.number)
            if end == nil { finish(.signaled(UInt8(SIGKILL))) }
            return
        }
        for (frame, received) in frames {
            switch frame {
            case .started:
                if received.count > (plan.usesTerminal ? 1 : 0) { copy = received.last }
                for pump in outputPumps { pump.start() }
                if plan.usesTerminal, let master = received.first { connect(master) }
            case .stopped(_, let signal):
                if signal != UInt8(SIGCONT) { try suspend() }
            case .exited(_, let end):
                finish(end)
                return
            case .question(let id, let text): try ask(id, text)
            case .settled(let id):
                if question?.id == id { question?.withdraw() }
                resumeInput()
            default: throw CoopError(.failed, "the supervisor does not keep to the protocol", "an unexpected frame", next: "coop ps")
            }
        }
    }

    private func finish(_ end: ProcessEnd) {
        self.end = end
        question?.withdraw()
        question = nil
        loop.unwatch(channel.socket.number)
        for pump in outputPumps { pump.drain() }
        copy = nil
        inputPump?.pause()
        // A later client of this process takes the signals from here on.
        if let signals { loop.unwatch(signals.number) }
        restoreTerminals()
        loop.stop()
    }

    // MARK: - Questions

    /// Asks the person at the terminal. Until there is an answer the command gets no keys; what it writes still appears.
    private func ask(_ id: UInt32, _ text: String) throws {
        inputPump?.pause()
        for pump in outputPumps { pump.flush() }
        question = TerminalQuestion(id: id, text: text, loop: loop) { [unowned self] consent in
            self.resumeInput()
            do { try self.channel.sendIfOpen(.answer(id: id, consent)) } catch { self.loop.fail(error) }
        }
        guard question == nil else { return }
        resumeInput()
        try channel.sendIfOpen(.answer(id: id, .absent))
    }

    private func resumeInput() {
        question = nil
        inputPump?.start()
    }

    // MARK: - Terminal

    private func connect(_ master: Descriptor) {
        terminal = master
        let target = plan.sources[1] == .terminal ? descriptors[1] : descriptors[2]
        if plan.isInteractive {
            outerTerminal.makeRaw()
            let pump = Pump(from: descriptors[0], to: master.number, loop: loop)
            inputPump = pump
            pump.start()
        }
        let output = Pump(from: master.number, to: target, loop: loop) { [unowned self] piece in self.adapt(piece) }
        outputPumps.append(output)
        output.start()
    }

    /// A command that shares the terminal with the rest of a pipeline gets keys only while it asks for them one by one,
    /// as `less` does: it then turns off line editing on its own terminal.
    private func adapt(_ piece: [UInt8]) -> [UInt8] {
        record(piece)
        guard !plan.isInteractive, let terminal else { return piece }
        var mode = termios()
        let wantsKeys = tcgetattr(terminal.number, &mode) == 0 && mode.c_lflag & UInt32(ICANON) == 0
        if wantsKeys, inputPump == nil, let keyboard = try? Descriptor.open("/dev/tty", O_RDONLY | O_NOCTTY) {
            let outer = TerminalMode(keyboard.number)
            outer.makeRaw()
            let pump = Pump(from: keyboard.number, to: terminal.number, loop: loop)
            pump.start()
            inputPump = pump
            borrowed = (keyboard, outer)
        } else if !wantsKeys, let (_, outer) = borrowed {
            inputPump?.pause()
            inputPump = nil
            outer.restore()
            borrowed = nil
        }
        // The terminal inside ends lines with CR LF already; the user's would do so again.
        return borrowed == nil ? dropCarriageReturns(piece) : piece
    }

    /// The keyboard of a terminal that is not standard input, while a pager uses it.
    private var borrowed: (keyboard: Descriptor, mode: TerminalMode)?

    private func dropCarriageReturns(_ piece: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(piece.count)
        for (index, byte) in piece.enumerated() {
            if byte == 13, index + 1 < piece.count, piece[index + 1] == 10 { continue }
            result.append(byte)
        }
        return result
    }

    // MARK: - Signals

    private func watchSignals() throws(SystemError) {
        signal(SIGPIPE, SIG_IGN)
        var mask = sigset_t()
        sigemptyset(&mask)
        for number in CommandClient.forwarded + CommandClient.own where !isIgnored(number) { sigaddset(&mask, number) }
        sigprocmask(SIG_BLOCK, &mask, nil)
        let descriptor = Descriptor(owning: try check("signalfd") { coop_signalfd(&mask) })
        signals = descriptor
        loop.watch(descriptor.number) { [unowned self] _ in try self.readSignals(descriptor.number) }
    }

    /// What the caller ignores stays ignored: `nohup coop run …`.
    private func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    private func readSignals(_ descriptor: Int32) throws {
        var information = [UInt8](repeating: 0, count: 128)
        while read(descriptor, &information, information.count) == information.count {
            let number = Int32(bitPattern: information.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
            switch number {
            case SIGWINCH:
                var (rows, columns): (UInt16, UInt16) = (0, 0)
                if let terminal, let outer = outerTerminalNumber, coop_get_window(outer, &rows, &columns) == 0 {
                    coop_set_window(terminal.number, rows, columns)
                }
            case SIGTSTP:
                // Coop stops when it hears that the command has: stopping here as well would take a second continuation.
                try channel.send(.signal(.command(CommandClient.command), UInt8(SIGSTOP)))
            case SIGCONT: try resume()
            case SIGHUP:
                // The terminal is gone: the command may say goodbye, and then the sandbox ends.
                try channel.send(.signal(.everything, UInt8(SIGHUP)))
                try channel.send(.signal(.everything, UInt8(SIGCONT)))
                loop.after(milliseconds: 500) { [unowned self] in try self.channel.send(.signal(.everything, UInt8(SIGKILL))) }
            default:
                if number == SIGINT { interrupted = true }
                try channel.send(.signal(.command(CommandClient.command), UInt8(number)))
            }
        }
    }

    /// The command has stopped; so does coop, and the caller's shell has its prompt back.
    private func suspend() throws {
        let wasRaw = outerTerminal.isRaw
        // What the command said before it stopped belongs in front of the shell's own message.
        for pump in outputPumps { pump.flush() }
        outerTerminal.restore()
        kill(getpid(), SIGSTOP)
        // From here on the shell has continued us.
        if wasRaw { outerTerminal.makeRaw() }
        try resume()
    }

    private func resume() throws { try channel.send(.signal(.command(CommandClient.command), UInt8(SIGCONT))) }
}
