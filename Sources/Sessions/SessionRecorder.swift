import AgentEvents
import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Sandbox
import Substitution
import WardenProtocol

/// The supervisor's pen: keeps a session's log and its summary. Used by the one thread of the event loop.
///
/// A failure to write is thrown to whoever causes it, or ends the loop: a session whose log cannot be written does not go on.
public final class SessionRecorder {
    /// How long an agent must be silent to be taken for idle, in milliseconds.
    public static let quiet: UInt64 = 2000
    /// How long between two looks at the screen of one that is not silent, and of one that asks and blinks. Milliseconds.
    private static let pause: UInt64 = 1500
    private static let askingPause: UInt64 = 5000
    /// How long an agent may show nothing at all before its silence counts, in milliseconds: it is loading.
    private static let loading: UInt64 = 60_000

    public let directory: String
    public private(set) var summary: SessionSummary
    private let loop: EventLoop
    let writer: EventWriter
    private var stream: AgentStream?
    /// What happened before it was clear that the run is worth a log.
    private var held: [(type: EventType, fields: (LogScrubber) -> EventFields, time: EventTime)]?
    private var lastOutput: UInt64 = 0
    private var firstActive: UInt64?
    /// What the screen said at the last look that it waits for, and whether that has become the state: what blinks while it waits is
    /// no work then.
    private var glimpsed: AttentionPatterns.Reason?
    private var isAsking = false
    private var lastLook: UInt64 = 0
    private var timer: Int?
    private let prepare: () throws(CoopError) -> Void
    /// Why the agent rang, until it goes on.
    private var wanted: String?
    private var scanner = TerminalScanner()
    private var observers: [(SessionState) -> Void] = []
    /// What the agent's terminal shows while it waits for a person.
    private let patterns: AttentionPatterns?
    /// Asks for the rows of the screen as they are now, without waiting for the answer: nil when nobody can tell. Nil where there is no screen.
    var look: ((_ then: @escaping ([String]?) throws -> Void) throws -> Void)?
    /// Takes secrets out of what is about to be written.
    var scrubber = LogScrubber()
    private let secrets: () throws(CoopError) -> PatternTable

    /// - Parameters:
    ///   - directory: this session's alone.
    ///   - stream: reads what the agent writes in its structured mode.
    ///   - patterns: what the agent's terminal shows while it waits for a person; nil where there is no agent.
    ///   - isDeferred: nothing is written before `begin`.
    ///   - prepare: makes the directory.
    ///   - secrets: what must not be written, and what takes its place: of the same length, by which the terminal's offsets stay right. Asked
    ///     for when writing begins.
    public init(
        directory: String, summary: SessionSummary, loop: EventLoop, stream: AgentStream?,
        patterns: AttentionPatterns? = nil, isDeferred: Bool,
        prepare: @escaping () throws(CoopError) -> Void,
        secrets: @escaping () throws(CoopError) -> PatternTable = { PatternTable([]) }
    ) throws(CoopError) {
        self.directory = directory
        self.summary = summary
        self.loop = loop
        self.stream = stream
        self.patterns = patterns
        held = []
        self.prepare = prepare
        self.secrets = secrets
        writer = try EventWriter.create(directory: directory)
        try record(.started) { scrubber in
            var fields = EventFields()
            fields.put("command", list: summary.command.map(scrubber.whole))
            if let agent = summary.agent { fields.put("agent", agent) }
            fields.put("workspace", summary.workspace)
            if let name = summary.name { fields.put("name", name) }
            if let label = summary.label { fields.put("label", label) }
            return fields
        }
        if !isDeferred { try begin() }
    }

    /// Whether anything is on the disk, or will be.
    public var isKept: Bool { held == nil }

    /// From here on everything is written.
    public func begin() throws(CoopError) {
        guard let events = held else { return }
        try renewSecrets()
        try prepare()
        held = nil
        for event in events { try writer.append(event.type, event.fields(scrubber), at: event.time) }
        try summary.write(directory: directory)
        loop.watch(writer.news.number) { [unowned self] _ in
            var count: UInt64 = 0
            _ = read(self.writer.news.number, &count, 8)
            if let failure = self.writer.failure { throw failure }
        }
    }

    /// Asks anew what must not be written: a login has other tokens now.
    public func renewSecrets() throws(CoopError) { scrubber.use(try secrets()) }

    // MARK: - What happens

    /// Adds an event.
    public func record(_ type: EventType, _ fields: EventFields = EventFields()) throws(CoopError) { try record(type) { _ in fields } }

    /// Adds an event that is made once the secrets are known.
    func record(_ type: EventType, making fields: @escaping (LogScrubber) -> EventFields) throws(CoopError) {
        if held != nil {
            held?.append((type, fields, .now()))
            return
        }
        try writer.append(type, fields(scrubber))
    }

    /// Where the terminal's bytes end that are written, or on their way to the disk.
    public private(set) var terminalEnd: UInt64 = 0

    /// What the terminal received beyond that: it may be the beginning of a secret.
    var heldBack: [UInt8] { scrubber.held(.terminal) }

    /// Adds what the terminal received.
    ///
    /// - Returns: the bytes that were written, and whether the program asks the terminal something.
    public func received(_ bytes: [UInt8]) throws(CoopError) -> (written: [UInt8], asks: Bool) {
        var clean = scrubber.take(bytes, from: .terminal)
        var asks = try write(terminal: clean)
        // No secret begins within a control sequence, and a program may wait for the answer to one.
        if scanner.isInSequence, !heldBack.isEmpty {
            let rest = scrubber.finish(.terminal)
            asks = try write(terminal: rest) || asks
            clean += rest
        }
        try active()
        return (clean, asks)
    }

    /// - Returns: whether the program asks the terminal something.
    private func write(terminal bytes: [UInt8]) throws(CoopError) -> Bool {
        var asks = false
        terminalEnd += UInt64(bytes.count)
        try writer.append(terminal: bytes)
        for signal in scanner.scan(bytes) {
            switch signal {
            case .bell: wanted = "bell"
            case .notification(let text): wanted = scrubber.whole(text)
            case .question: asks = true
            }
        }
        return asks
    }

    /// Keeps what the terminal shows, so that who attaches need not read everything before it.
    public func keepScreen(_ snapshot: [UInt8], at offset: UInt64, rows: UInt16, columns: UInt16) throws(CoopError) {
        var fields = EventFields()
        fields.put("offset", Int64(clamping: offset))
        fields.put("rows", Int64(rows))
        fields.put("columns", Int64(columns))
        fields.put("snapshot", content: scrubber.whole(snapshot))
        try record(.screen, fields)
    }

    /// Whether pasted text is to be marked.
    public var bracketsPastes: Bool { scanner.bracketsPastes }

    /// Whether standard output is the agent's stream.
    public var hasStream: Bool { stream != nil }

    /// Adds what the agent wrote in its structured mode, cut anywhere.
    public func structured(_ bytes: [UInt8]) throws(CoopError) {
        guard let emissions = stream?.feed(scrubber.take(bytes, from: .agent)) else { return }
        for emission in emissions { try take(emission) }
    }

    private func take(_ emission: AgentStream.Emission) throws(CoopError) {
        try record(emission.type, emission.fields)
        switch emission.type {
        case .usage: try count(emission.fields)
        case .permission, .attention: try change(.attention, reason: emission.type.rawValue)
        default: if summary.state != .working { try change(.working) }
        }
    }

    private func count(_ fields: EventFields) throws(CoopError) {
        summary.inputTokens += fields.number("input_tokens").map { Int64($0) } ?? 0
        summary.outputTokens += fields.number("output_tokens").map { Int64($0) } ?? 0
        summary.cost += fields.number("cost_usd").map { Int64($0 * 1_000_000) } ?? 0
        try save()
    }

    /// Waits until everything so far is on the disk.
    public func flush() throws(CoopError) { if isKept { try writer.flush() } }

    // MARK: - State

    /// Calls `observer` when the session's state has changed, but for its end.
    public func observe(_ observer: @escaping (SessionState) -> Void) { observers.append(observer) }

    /// The agent does something.
    public func active() throws(CoopError) {
        lastOutput = EventLoop.now()
        firstActive = firstActive ?? lastOutput
        if summary.state != .working, !isAsking { try change(.working) }
        if timer == nil { arm(SessionRecorder.quiet) }
    }

    /// Somebody has pressed a key that may answer what it asks.
    func answered() throws(CoopError) {
        glimpsed = nil
        guard isAsking else { return }
        isAsking = false
        try active()
    }

    private func arm(_ milliseconds: UInt64) {
        timer = loop.after(milliseconds: milliseconds) { [unowned self] in
            self.timer = nil
            guard !self.summary.state.isOver else { return }
            let now = EventLoop.now()
            let silence = now - self.lastOutput
            guard silence < SessionRecorder.quiet else { return try self.rest() }
            self.arm(SessionRecorder.quiet - silence)
            let pause = self.isAsking ? SessionRecorder.askingPause : SessionRecorder.pause
            if now - self.lastLook >= pause { try self.glance() }
        }
    }

    /// The agent is silent.
    private func rest() throws {
        guard let look, let patterns else { return try settle(nil) }
        if !scanner.hasText, let firstActive, EventLoop.now() - firstActive < SessionRecorder.loading { return arm(SessionRecorder.quiet) }
        guard !patterns.isEmpty else { return try settle(nil) }
        let end = terminalEnd
        try look { [unowned self] screen in
            // What has gone on meanwhile is looked at when it rests again.
            guard self.terminalEnd == end, !self.summary.state.isOver else { return }
            try self.settle(screen.flatMap(patterns.find))
        }
    }

    /// The agent is not silent, but some blink while they wait.
    private func glance() throws {
        guard let look, let patterns, !patterns.isEmpty else { return }
        lastLook = EventLoop.now()
        try look { [unowned self] screen in
            guard let screen, !self.summary.state.isOver else { return }
            guard let shown = patterns.find(in: screen) else {
                self.glimpsed = nil
                guard self.isAsking else { return }
                self.isAsking = false
                return try self.change(.working)
            }
            // Twice the same: text that runs through is gone by then.
            if self.glimpsed == shown.reason { try self.settle(shown) }
            self.glimpsed = shown.reason
        }
    }

    /// It does nothing now.
    ///
    /// - Parameter shown: what its screen says that it waits for.
    private func settle(_ shown: (reason: AttentionPatterns.Reason, row: String)?) throws(CoopError) {
        let wasAsking = isAsking
        isAsking = shown != nil
        if let shown {
            wanted = nil
            if wasAsking, summary.reason == shown.reason.rawValue { return }
            var fields = EventFields()
            // No secret was in what the terminal received, but the screen may have put one together from parts.
            fields.put("text", content: scrubber.whole(Array(shown.row.utf8)))
            if shown.reason == .question { fields.put("reason", shown.reason.rawValue) }
            try record(shown.reason == .permission ? .permission : .attention, fields)
            return try change(.attention, reason: shown.reason.rawValue)
        }
        guard let reason = wanted else { return try change(.idle) }
        wanted = nil
        var fields = EventFields()
        fields.put("reason", reason == "bell" ? "bell" : "notification")
        if reason != "bell" { fields.put("text", reason) }
        try record(.attention, fields)
        try change(.attention, reason: reason)
    }

    /// Sets the state.
    public func change(_ state: SessionState, reason: String? = nil) throws(CoopError) {
        guard state != summary.state || reason != summary.reason else { return }
        summary.state = state
        summary.since = Int64(time(nil))
        summary.reason = reason
        if !state.isOver {
            var fields = EventFields()
            fields.put("state", state.rawValue)
            if let reason { fields.put("reason", reason) }
            try record(.state, fields)
        }
        try save()
        for observer in observers { observer(state) }
    }

    private func save() throws(CoopError) { if isKept { try summary.write(directory: directory) } }

    // MARK: - The end

    /// The command has ended; nothing follows.
    public func exited(_ code: Int32, signal: UInt8? = nil) throws(CoopError) {
        guard !summary.state.isOver else { return }
        try release()
        for emission in stream?.finish() ?? [] { try take(emission) }
        var fields = EventFields()
        if let signal { fields.put("signal", Int64(signal)) } else { fields.put("code", Int64(code)) }
        try record(.exited, fields)
        summary.code = code
        try end(.exited, nil)
    }

    /// Coop could not go on.
    public func failed(_ error: CoopError) throws(CoopError) {
        guard !summary.state.isOver else { return }
        var fields = EventFields()
        fields.put("reason", error.message)
        if let next = error.next { fields.put("next", next) }
        // A log that cannot be written has said so itself, in the space kept for that.
        if writer.failure == nil {
            try release()
            try record(.failed, fields)
        }
        summary.code = 125
        try end(.failed, error.message)
    }

    /// Writes what was held back: nothing follows that could make a secret of it.
    private func release() throws(CoopError) {
        guard isKept else { return }
        _ = try write(terminal: scrubber.finish(.terminal))
        for emission in stream?.feed(scrubber.finish(.agent)) ?? [] { try take(emission) }
        let line = scrubber.finish(.typed)
        if !line.isEmpty { try typed(line, by: "terminal", isWhole: true) }
    }

    private func end(_ state: SessionState, _ reason: String?) throws(CoopError) {
        if let timer { loop.cancel(timer: timer) }
        timer = nil
        loop.unwatch(writer.news.number)
        summary.ended = Int64(time(nil))
        summary.state = state
        summary.since = summary.ended ?? 0
        summary.reason = reason
        guard isKept else { return }
        // The summary comes last: who sees the end there finds everything in the log.
        var failure: CoopError?
        do { try writer.close() } catch { failure = error }
        try summary.write(directory: directory)
        if let failure { throw failure }
    }
}
