import CLinux
import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// Holds the terminal of the command that a session is about: everything it writes goes into the log and to everybody attached, and it stays
/// when the last of them leaves.
public final class SessionHost: TerminalHost {
    private static let command: UInt32 = 1
    /// How often is looked whether the program has read what was typed. Milliseconds.
    private static let look: UInt64 = 20

    private let channel: FrameChannel
    private let loop: EventLoop
    private let recorder: SessionRecorder
    private let request: ProcessRequest
    private var passed: [Descriptor]
    private var isStarted = false
    private var master: Descriptor?
    private var attachments: [Int32: Attachment] = [:]
    private var size: (rows: UInt16, columns: UInt16)
    /// Keys on their way to the terminal, and how much of them is written.
    private var keys: [UInt8] = []
    private var isWriting = false
    /// What waits until the session is idle, and what is being typed piece by piece.
    private var waiting: [TypedInput] = []
    private var pieces: [TypedInput.Piece] = []
    /// Of the piece that was typed last, until the next one may follow.
    private var pace: TypingPace?
    private var typed = TypedRecord()
    private var isStopped = false
    private var screen: ScreenKeeper?
    /// How the command ended; nil while it runs.
    public private(set) var end: ProcessEnd?
    /// Called when the command runs, or could not be started.
    public var whenStarted: () throws -> Void = {}

    /// - Parameters:
    ///   - socket: a connection to the supervisor that owns the sandbox.
    ///   - size: the terminal's until somebody is attached.
    ///   - standardError: where the command's standard error goes; nil for the terminal.
    public init(
        socket: Descriptor, loop: EventLoop, recorder: SessionRecorder, command: [String], size: (rows: UInt16, columns: UInt16),
        umask: UInt16, standardError: Descriptor? = nil
    ) {
        channel = FrameChannel(socket)
        self.loop = loop
        self.recorder = recorder
        self.size = size
        passed = standardError.map { [$0] } ?? []
        request = ProcessRequest(
            id: SessionHost.command, arguments: command, environment: [], workingDirectory: "",
            streams: [.terminal, .terminal, standardError == nil ? .terminal : .passed], controlsTerminal: true, umask: umask)
        loop.watch(channel.socket.number) { [unowned self] _ in try self.readChannel() }
        recorder.observe { [unowned self] state in self.changed(state) }
        screen = ScreenKeeper(directory: recorder.directory, loop: loop) { [unowned self] reply in
            self.keys += reply
            try self.write()
        } keep: { [unowned self] snapshot, offset in
            try self.recorder.keepScreen(snapshot, at: offset, rows: self.size.rows, columns: self.size.columns)
        }
        recorder.look = { [unowned self] then in
            guard let screen = self.screen else { return try then(nil) }
            try screen.text(at: self.recorder.terminalEnd, flush: self.recorder.flush, then: then)
        }
    }

    /// Starts the command, unless it runs already.
    public func start() throws {
        guard !isStarted else { return }
        isStarted = true
        var request = request
        request.rows = size.rows
        request.columns = size.columns
        try recordSize()
        try channel.send(.start(request), descriptors: passed)
        passed = []
    }

    /// Takes the command's end from the connection, once the supervisor has put it there and before the loop stops.
    public func settle() throws {
        // A descriptor ends what one reading gives.
        while isStarted, end == nil { try readChannel() }
    }

    private func readChannel() throws {
        guard let frames = try channel.receive() else {
            loop.unwatch(channel.socket.number)
            if end == nil { try finish(.signaled(UInt8(SIGKILL))) }
            return
        }
        for (frame, received) in frames {
            switch frame {
            case .started:
                guard let terminal = received.first else { continue }
                try connect(terminal)
            case .stopped(_, let signal):
                isStopped = signal != UInt8(SIGCONT)
                for attachment in attachments.values { try attachment.send(.stopped(id: 0, signal: signal), []) }
            case .exited(_, let end):
                try finish(end)
                return
            default: throw CoopError(.failed, "the supervisor does not keep to the protocol", "an unexpected frame", next: "coop ps")
            }
        }
    }

    private func connect(_ terminal: Descriptor) throws {
        try check("fcntl") { fcntl(terminal.number, F_SETFL, O_NONBLOCK) }
        master = terminal
        loop.watch(terminal.number) { [unowned self] _ in try self.readTerminal() }
        try recorder.active()
        try whenStarted()
        try write()
    }

    private func finish(_ end: ProcessEnd) throws {
        self.end = end
        loop.unwatch(channel.socket.number)
        while try readTerminal() {}
        if let master {
            loop.unwatch(master.number)
            loop.unwatch(master.number, events: Int16(POLLOUT))
        }
        if !isStarted || master == nil { try whenStarted() }
        for attachment in attachments.values {
            // It would ask for the stream anew, but may come too late for an answer.
            if attachment.isBehind { try stream(to: attachment) }
            var rest: Descriptor?
            do throws(SystemError) { rest = try attachment.rest() } catch {
                // There is no room for it: the screen is drawn from the log.
                try stream(to: attachment)
            }
            // One that cannot be told is gone, and keeps nobody else from being told.
            try? attachment.send(.exited(id: 0, end), rest.map { [$0] } ?? [])
        }
    }

    // MARK: - The terminal

    /// - Returns: whether there may be more.
    @discardableResult
    private func readTerminal() throws -> Bool {
        guard let master else { return false }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = read(master.number, &buffer, buffer.count)
        if count < 0, errno == EINTR { return true }
        guard count > 0 else {
            // EIO: nobody inside has the terminal open now; somebody may open it again until the command has ended.
            if count == 0 || errno == EIO { loop.unwatch(master.number) }
            return false
        }
        let start = recorder.terminalEnd
        let shown = Array(buffer[..<count])
        let (written, asks) = try recorder.received(shown)
        if !written.isEmpty { try screen?.received(written, at: start, asks: asks, flush: recorder.flush) }
        for attachment in attachments.values { attachment.show(shown) }
        pace?.observe(isRead: isRead, shows: true, at: EventLoop.now())
        return true
    }

    private func take(keys bytes: [UInt8]) throws {
        if let text = typed.take(bytes, isSecret: isSecret) { try recorder.typed(text, by: "terminal", isWhole: false) }
        keys += bytes
        // The arrows and what a terminal reports by itself begin with ESC.
        if bytes.first != 0x1B || bytes.count == 1 { try recorder.answered() }
        try write()
    }

    private func write() throws {
        guard let master else { return }
        while !keys.isEmpty {
            let count = keys.withUnsafeBytes { Glibc.write(master.number, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    wait(true)
                    return
                }
                // Nobody inside reads any more.
                keys = []
                break
            }
            keys.removeFirst(count)
        }
        wait(false)
    }

    /// While the terminal is full nobody's keys are taken.
    private func wait(_ isFull: Bool) {
        guard isFull != isWriting, let master else { return }
        isWriting = isFull
        if isFull {
            loop.watch(master.number, events: Int16(POLLOUT)) { [unowned self] _ in try self.write() }
        } else {
            loop.unwatch(master.number, events: Int16(POLLOUT))
        }
        for attachment in attachments.values { attachment.takeKeys(!isFull) }
    }

    /// Whether the program reads a line without showing it, as for a password: such keys are recorded nowhere.
    private var isSecret: Bool {
        var mode = termios()
        guard let master, tcgetattr(master.number, &mode) == 0 else { return true }
        return mode.c_lflag & UInt32(ECHO) == 0 && mode.c_lflag & UInt32(ICANON) != 0
    }

    // MARK: - Clients

    public func attach(
        _ client: Int32, rows: UInt16, columns: UInt16, isReadOnly: Bool, send: @escaping (Frame, [Descriptor]) throws -> Void
    ) throws {
        let isNew = attachments[client] == nil
        let attachment =
            attachments[client]
            ?? Attachment(rows: rows, columns: columns, isReadOnly: isReadOnly, loop: loop, send: send) { [unowned self] bytes in
                try self.take(keys: bytes)
            }
        attachment.rows = rows
        attachment.columns = columns
        attachments[client] = attachment
        try fit()
        try stream(to: attachment)
        if isNew {
            var fields = EventFields()
            fields.put("readonly", isReadOnly)
            try recorder.record(.attached, fields)
        }
        if let end { try send(.exited(id: 0, end), []) }
        try start()
        if isStopped, !isReadOnly { try signal(UInt8(SIGCONT)) }
    }

    /// Begins to show the terminal to a client.
    private func stream(to attachment: Attachment) throws {
        // What is in the log and what comes through the socket meet at one point.
        try recorder.flush()
        let theirs = try attachment.open()
        try attachment.send(.attached(offset: recorder.terminalEnd, rows: size.rows, columns: size.columns), [theirs])
        attachment.show(recorder.heldBack)
    }

    public func resize(_ client: Int32, rows: UInt16, columns: UInt16) throws {
        guard let attachment = attachments[client] else { return }
        attachment.rows = rows
        attachment.columns = columns
        try fit()
    }

    public func leave(_ client: Int32) throws {
        guard let attachment = attachments.removeValue(forKey: client) else { return }
        attachment.close()
        try recorder.record(.detached)
        try fit()
    }

    public func detachAll() throws {
        // One that cannot be told is gone, and keeps nobody else from being told.
        for attachment in attachments.values { try? attachment.send(.detached, []) }
    }

    /// The terminal is as large as the smallest window of those who can type, so that all of them see all of it.
    private func fit() throws {
        let windows = attachments.values.filter { !$0.isReadOnly && $0.rows > 0 && $0.columns > 0 }
        guard let rows = windows.map(\.rows).min(), let columns = windows.map(\.columns).min() else { return }
        guard rows != size.rows || columns != size.columns else { return }
        size = (rows, columns)
        guard isStarted else { return }
        if let master { coop_set_window(master.number, rows, columns) }
        screen?.resized(rows: rows, columns: columns)
        try recordSize()
        // As above: its end is seen by the next reading.
        for attachment in attachments.values { try? attachment.send(.resized(rows: rows, columns: columns), []) }
    }

    private func recordSize() throws {
        var fields = EventFields()
        fields.put("rows", Int64(size.rows))
        fields.put("columns", Int64(size.columns))
        try recorder.record(.resized, fields)
    }

    public func signal(_ number: UInt8) throws { try channel.sendIfOpen(.signal(.command(SessionHost.command), number)) }

    // MARK: - Typing

    public func type(_ input: TypedInput) throws {
        if input.whenIdle, recorder.summary.state == .working || recorder.summary.state == .starting || !pieces.isEmpty || !waiting.isEmpty
        {
            waiting.append(input)
            return
        }
        pieces += input.pieces
        try typeNext()
    }

    private func changed(_ state: SessionState) {
        guard state == .idle || state == .attention else { return }
        do {
            if !waiting.isEmpty {
                pieces += waiting.removeFirst().pieces
                try typeNext()
            }
            try screen?.rest(at: recorder.terminalEnd, flush: recorder.flush)
        } catch {
            loop.fail(error)
        }
    }

    private func typeNext() throws {
        guard pace == nil, !pieces.isEmpty else { return }
        let piece = pieces.removeFirst()
        switch piece {
        case .text(let text):
            try recorder.typed(text, by: "send", isWhole: true)
            let isPaste = recorder.bracketsPastes && text.contains(0x0A)
            // A terminal sends the Enter key for a line end.
            let body = text.map { $0 == 0x0A ? 0x0D : $0 }
            // The end mark inside would let the rest be taken for keys.
            keys += isPaste ? Array("\u{1B}[200~".utf8) + SessionHost.withoutMarks(body) + Array("\u{1B}[201~".utf8) : body
        case .keys(let bytes): keys += bytes
        }
        try recorder.answered()
        try write()
        pace = TypingPace(at: EventLoop.now())
        awaitTurn()
    }

    /// Types the next piece once the program has taken the one before it.
    private func awaitTurn() {
        loop.after(milliseconds: SessionHost.look) { [unowned self] in
            self.pace?.observe(isRead: self.isRead, shows: false, at: EventLoop.now())
            if let due = self.pace?.due, due > EventLoop.now() { return self.awaitTurn() }
            self.pace = nil
            try self.typeNext()
        }
    }

    /// Whether the program has read everything that was typed. Lines that the kernel collects are told apart by it, not by when they come.
    private var isRead: Bool {
        guard let master else { return true }
        guard keys.isEmpty else { return false }
        var mode = termios()
        if tcgetattr(master.number, &mode) == 0, mode.c_lflag & UInt32(ICANON) != 0 { return true }
        return coop_pty_unread(master.number) <= 0
    }

    private static func withoutMarks(_ bytes: [UInt8]) -> [UInt8] { bytes.filter { $0 != 0x1B } }
}
