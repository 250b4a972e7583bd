import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import TerminalModel
import WardenProtocol
import EventLog

/// A person's end of a session's terminal: shows what the command writes, passes keys and window sizes on, and leaves with Ctrl-A D.
public final class AttachClient {
    public enum Outcome: Equatable {
        case detached
        case ended(ProcessEnd)
        /// The supervisor is gone without a word.
        case lost
    }

    private let channel: FrameChannel
    private let loop: EventLoop
    private let screen: SessionScreen
    private let isReadOnly: Bool
    private let attends: Bool
    private let ownsCommand: Bool
    private let mode: TerminalMode
    private var signals: Descriptor?
    private var data: Descriptor?
    private var keyFilter = KeyFilter()
    private var outgoing: [UInt8] = []
    private var question: TerminalQuestion?
    private var hasDrawn = false
    private var hasRedrawn = false
    private var drawTimer: Int?
    private var end: ProcessEnd?
    private var outcome: Outcome?
    /// What coop itself had to say, for after the screen.
    public private(set) var notices: [String] = []

    /// - Parameters:
    ///   - socket: connected to the supervisor.
    ///   - directory: the session's, with its log.
    ///   - allowance: what the program may do to the person's terminal beside drawing.
    ///   - attends: whether a person may be asked here.
    ///   - ownsCommand: signals that end this process are the command's: it was started by it.
    public init(
        socket: Descriptor, loop: EventLoop, directory: String, allowance: TerminalFilter.Allowance, isReadOnly: Bool, attends: Bool,
        ownsCommand: Bool
    ) {
        channel = FrameChannel(socket)
        self.loop = loop
        screen = SessionScreen(directory: directory, allowance: allowance)
        self.isReadOnly = isReadOnly
        self.attends = attends
        self.ownsCommand = ownsCommand
        mode = TerminalMode(0)
    }

    deinit { mode.restore() }

    /// Shows the session until the person leaves or it is over.
    public func run() throws -> Outcome {
        try watchSignals()
        if attends, TerminalQuestion.open() != nil { try channel.sendIfOpen(.attend) }
        try ask()
        loop.watch(channel.socket.number) { [unowned self] _ in try self.readChannel() }
        defer { restore() }
        try loop.run()
        return outcome ?? .lost
    }

    private func restore() {
        question?.withdraw()
        question = nil
        // What has ended by itself has left the terminal as it wanted.
        if hasDrawn, end == nil { write(SessionScreen.leave) }
        // What comes next belongs below a screen that coop has drawn.
        if hasRedrawn, end == nil { write(Array("\u{1B}[999;1H\r\n".utf8)) }
        mode.restore()
    }

    private func ask() throws {
        let (rows, columns) = AttachClient.window()
        // A session that is over has put its end, and what to draw, into the connection.
        try channel.sendIfOpen(.attach(rows: rows, columns: columns, isReadOnly: isReadOnly))
    }

    /// The window of this process's terminal.
    private static func window() -> (rows: UInt16, columns: UInt16) {
        var (rows, columns): (UInt16, UInt16) = (0, 0)
        guard coop_get_window(1, &rows, &columns) == 0, rows > 0, columns > 0 else { return (24, 80) }
        return (rows, columns)
    }

    private static func size(_ rows: UInt16, _ columns: UInt16) -> ScreenSize { ScreenSize(rows: Int(rows), columns: Int(columns)) }

    // MARK: - Supervisor

    private func readChannel() throws {
        guard let frames = try channel.receive() else {
            loop.unwatch(channel.socket.number)
            finish(end.map { .ended($0) } ?? .lost)
            return
        }
        for (frame, received) in frames {
            switch frame {
            case .attached(let offset, let rows, let columns):
                guard let socket = received.first else { throw AttachClient.unexpected("a stream without a socket") }
                try connect(socket, offset: offset, rows: rows, columns: columns)
            case .resized(let rows, let columns):
                // The program draws for that size itself. Where the window has another one, or had until now, all is drawn anew.
                let window = AttachClient.window()
                if screen.isDrawn || window != (rows, columns) { try ask() }
            case .stopped(_, let signal):
                if signal != UInt8(SIGCONT), ownsCommand { try suspend() }
            case .exited(_, let end):
                self.end = end
                try readData()
                if let rest = received.first { write(try screen.show(try rest.readAll())) }
                write(try screen.drawing())
                // The supervisor clears up; its end is the end of the session.
                if let data { loop.unwatch(data.number) }
                loop.unwatch(0)
            case .detached:
                finish(.detached)
                return
            case .notice(let text): notices.append(text)
            case .question(let id, let text): try ask(id, text)
            case .settled(let id):
                if question?.id == id { question?.withdraw() }
                resumeKeys()
            case .reply: break
            default: throw AttachClient.unexpected("an unexpected frame")
            }
        }
    }

    private static func unexpected(_ why: String) -> CoopError {
        CoopError(.failed, "the supervisor does not keep to the protocol", why, next: "coop ps")
    }

    private func finish(_ outcome: Outcome) {
        self.outcome = outcome
        loop.stop()
    }

    // MARK: - The screen

    private func connect(_ socket: Descriptor, offset: UInt64, rows: UInt16, columns: UInt16) throws {
        if let data { loop.unwatch(data.number) }
        data = socket
        let window = AttachClient.window()
        let isPlain = offset == 0 && !hasDrawn && window == (rows, columns)
        let drawing =
            isPlain
            ? []
            : try screen.draw(
                offset: offset, size: AttachClient.size(rows, columns), window: AttachClient.size(window.rows, window.columns))
        if !mode.isRaw {
            mode.makeRaw()
            loop.watch(0) { [unowned self] _ in try self.readKeys() }
        }
        hasDrawn = true
        hasRedrawn = hasRedrawn || !isPlain
        write(drawing)
        loop.watch(socket.number) { [unowned self] _ in try self.readData() }
    }

    private func readData() throws {
        guard let data else { return }
        while true {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = recv(data.number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else {
                loop.unwatch(data.number)
                self.data = nil
                // This terminal was too slow: the screen is drawn anew as it is now.
                if end == nil { try ask() }
                return
            }
            write(try screen.show(Array(buffer[..<count])))
            if screen.isDrawn { drawSoon() }
            if end == nil { return }
        }
    }

    /// A drawing is made anew at most thirty times a second, however often something changes.
    private func drawSoon() {
        guard drawTimer == nil else { return }
        drawTimer = loop.after(milliseconds: 33) { [unowned self] in
            self.drawTimer = nil
            self.write(try self.screen.drawing())
        }
    }

    private func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    var entry = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
                    poll(&entry, 1, -1)
                    continue
                }
                return
            }
            rest = rest.dropFirst(count)
        }
    }

    // MARK: - Keys

    private func readKeys() throws {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(0, &buffer, buffer.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        // The terminal is gone; the session is not.
        guard count > 0 else { return finish(.detached) }
        let (keys, detaches) = keyFilter.take(buffer[..<count])
        if !isReadOnly, !keys.isEmpty {
            outgoing += keys
            sendKeys()
        }
        if detaches { finish(.detached) }
    }

    private func sendKeys() {
        guard let data else { return }
        while !outgoing.isEmpty {
            let count = outgoing.withUnsafeBytes { send(data.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) }
            if count < 0 {
                if errno == EINTR { continue }
                guard errno == EAGAIN else { return }
                // The session takes no more just now: neither does this process.
                loop.unwatch(0)
                loop.watch(data.number, events: Int16(POLLOUT)) { [unowned self] _ in
                    self.loop.unwatch(data.number, events: Int16(POLLOUT))
                    self.sendKeys()
                    self.resumeKeys()
                }
                return
            }
            outgoing.removeFirst(count)
        }
    }

    private func resumeKeys() {
        question = nil
        if mode.isRaw, outgoing.isEmpty { loop.watch(0) { [unowned self] _ in try self.readKeys() } }
    }

    private func ask(_ id: UInt32, _ text: String) throws {
        loop.unwatch(0)
        question = TerminalQuestion(id: id, text: text, loop: loop) { [unowned self] consent in
            self.resumeKeys()
            do { try self.channel.sendIfOpen(.answer(id: id, consent)) } catch { self.loop.fail(error) }
        }
        guard question == nil else { return }
        resumeKeys()
        try channel.sendIfOpen(.answer(id: id, .absent))
    }

    // MARK: - Signals

    private func watchSignals() throws(SystemError) {
        signal(SIGPIPE, SIG_IGN)
        var mask = sigset_t()
        sigemptyset(&mask)
        for number in [SIGWINCH, SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGCONT, SIGTSTP, SIGUSR1, SIGUSR2] { sigaddset(&mask, number) }
        sigprocmask(SIG_BLOCK, &mask, nil)
        let descriptor = Descriptor(owning: try check("signalfd") { coop_signalfd(&mask) })
        signals = descriptor
        loop.watch(descriptor.number) { [unowned self] _ in try self.readSignals(descriptor.number) }
    }

    private func readSignals(_ descriptor: Int32) throws {
        var information = [UInt8](repeating: 0, count: 128)
        while read(descriptor, &information, information.count) == information.count {
            let number = Int32(bitPattern: information.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
            switch number {
            case SIGWINCH:
                let (rows, columns) = AttachClient.window()
                try channel.sendIfOpen(.resize(rows: rows, columns: columns))
                if screen.isDrawn { try ask() }
            // A terminal that is gone takes nothing along: that is what sessions are for.
            case SIGHUP: finish(.detached)
            case SIGTSTP: if ownsCommand { try channel.sendIfOpen(.signal(.command(0), UInt8(SIGSTOP))) } else { try suspend() }
            case SIGCONT: if ownsCommand { try channel.sendIfOpen(.signal(.command(0), UInt8(SIGCONT))) }
            default:
                if ownsCommand { try channel.sendIfOpen(.signal(.command(0), UInt8(number))) } else { finish(.detached) }
            }
        }
    }

    /// The command has stopped; so does coop, and the caller's shell has its prompt back.
    private func suspend() throws {
        let wasRaw = mode.isRaw
        try readData()
        mode.restore()
        kill(getpid(), SIGSTOP)
        // From here on the shell has continued us.
        if wasRaw { mode.makeRaw() }
        if ownsCommand { try channel.sendIfOpen(.signal(.command(0), UInt8(SIGCONT))) } else { try ask() }
    }
}
