import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import TerminalModel

/// The confined process that reads what programs inside have written to their terminal, as whoever asks it holds it. What it says is
/// hostile: a wrong answer ends it, and what is meant for a terminal is filtered. Used by one thread at a time.
///
/// It ends with this object, and with the thread that started it. When it has died every call throws, and a new one is fed from
/// the log (`ScreenReplay`).
public final class TerminalWorker {
    /// So much waits for it at most before who feeds it waits too. Bytes.
    private static let highWater = 1 << 20

    /// Readable when it has answered or ended: for an event loop, which then calls `advance`.
    public let descriptor: Descriptor
    /// How long one call waits for it at most. Milliseconds.
    var patience: Int64 = 20_000
    let process: pid_t
    private var outgoing: [UInt8] = []
    private var sent = 0
    private var incoming = FrameBuffer(limit: ScreenAnswer.limit)
    /// Questions that it has not answered yet, in their order.
    private var questions: [(number: UInt32, question: ScreenQuestion)] = []
    private var answers: [ScreenAnswer] = []
    private var lastNumber: UInt32 = 0
    private var failure: CoopError?

    /// Starts one without a screen.
    ///
    /// - Parameters:
    ///   - program: coop; this program itself, if it is coop.
    ///   - withoutLandlock: the user has accepted that the kernel has none.
    public init(program: String = "/proc/self/exe", withoutLandlock: Bool = false) throws(CoopError) {
        let arguments = ["coop", "terminal-worker"] + (withoutLandlock ? ["--without-landlock"] : [])
        (descriptor, process) = try TerminalWorker.start(program, arguments)
    }

    deinit {
        kill(process, SIGKILL)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    }

    // MARK: - Telling

    /// Begins anew with an empty screen.
    ///
    /// - Parameter scrollback: how many lines above the screen are kept.
    public func begin(rows: Int, columns: Int, scrollback: Int = 2000) throws(CoopError) {
        try tell(.open(rows: UInt16(clamping: rows), columns: UInt16(clamping: columns), scrollback: UInt32(clamping: scrollback)))
    }

    /// Hands it what the terminal has received. It waits only while too much is on its way already.
    public func feed(_ bytes: some Collection<UInt8>) throws(CoopError) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            try tell(.feed(Array(rest.prefix(ScreenRequest.longestFeed))))
            rest = rest.dropFirst(ScreenRequest.longestFeed)
        }
    }

    public func resize(rows: Int, columns: Int) throws(CoopError) {
        try tell(.resize(rows: UInt16(clamping: rows), columns: UInt16(clamping: columns)))
    }

    // MARK: - Asking

    /// What brings a terminal of the same size to show the same.
    public func snapshot(scrollback: Bool = true) throws(CoopError) -> [UInt8] { try drawing(.snapshot(scrollback: scrollback)) }

    /// The part around the cursor, drawn for a window of another size.
    public func crop(rows: Int, columns: Int) throws(CoopError) -> [UInt8] {
        try drawing(.crop(rows: UInt16(clamping: rows), columns: UInt16(clamping: columns)))
    }

    /// The rows of the screen as text, after the lines above it if they are wanted.
    public func text(scrollback: Bool = false) throws(CoopError) -> [String] {
        if case .lines(let lines) = try answer(to: .text(scrollback: scrollback)) { return lines }
        return []
    }

    /// What the terminal answers to the program's own questions since the last call.
    public func takeReplies() throws(CoopError) -> [UInt8] {
        if case .replies(let bytes) = try answer(to: .replies) { return bytes }
        return []
    }

    /// Asks without waiting; `advance` returns the answer.
    ///
    /// - Returns: the number that the answer will have.
    public func ask(_ question: ScreenQuestion) throws(CoopError) -> UInt32 {
        lastNumber &+= 1
        questions.append((lastNumber, question))
        try tell(.ask(number: lastNumber, question))
        return lastNumber
    }

    /// Whether something waits to be written to it: then `advance` is to be called when `descriptor` can be written too.
    public var wantsToWrite: Bool { sent < outgoing.count }

    /// Moves what can be moved without waiting.
    ///
    /// - Returns: what was answered since the last call, except to the calls that wait themselves.
    public func advance() throws(CoopError) -> [ScreenAnswer] {
        try move()
        defer { answers = [] }
        return answers
    }

    private func drawing(_ question: ScreenQuestion) throws(CoopError) -> [UInt8] {
        switch try answer(to: question) {
        case .drawing(let bytes): return bytes
        default:
            // Of a screen so large that it is nobody's window.
            throw CoopError(.failed, "cannot show the terminal", "its screen is too large", next: "coop logs --help")
        }
    }

    private func answer(to question: ScreenQuestion) throws(CoopError) -> ScreenAnswer.Content {
        let number = try ask(question)
        try wait { answers.contains { $0.number == number } }
        guard let index = answers.firstIndex(where: { $0.number == number }) else { return .tooLong }
        return answers.remove(at: index).content
    }

    // MARK: - Moving bytes

    private func tell(_ request: ScreenRequest) throws(CoopError) {
        if let failure { throw failure }
        if sent == outgoing.count {
            outgoing.removeAll(keepingCapacity: true)
            sent = 0
        }
        outgoing += FrameBuffer.frame(request)
        try move()
        if outgoing.count - sent > TerminalWorker.highWater {
            try wait { outgoing.count - sent <= TerminalWorker.highWater / 2 }
        }
    }

    /// Waits until `isDone`, moving bytes both ways.
    private func wait(until isDone: () -> Bool) throws(CoopError) {
        let deadline = TerminalWorker.now() + patience
        while true {
            try move()
            if isDone() { return }
            let left = deadline - TerminalWorker.now()
            guard left > 0 else { throw fail("the process that reads its output does not answer") }
            var watched = pollfd(fd: descriptor.number, events: Int16(POLLIN | (wantsToWrite ? POLLOUT : 0)), revents: 0)
            poll(&watched, 1, Int32(left))
        }
    }

    private func move() throws(CoopError) {
        if let failure { throw failure }
        try write()
        try read()
    }

    private func write() throws(CoopError) {
        while sent < outgoing.count {
            let count = outgoing.withUnsafeBytes { raw in
                send(
                    descriptor.number, raw.baseAddress.map { $0 + sent }, raw.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { break }
            guard count > 0 else { throw ended() }
            sent += count
        }
        if sent > TerminalWorker.highWater {
            outgoing.removeFirst(sent)
            sent = 0
        }
    }

    private func read() throws(CoopError) {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(descriptor.number, &piece, piece.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else { throw ended() }
            incoming.append(piece[..<count])
            try takeAnswers()
        }
    }

    private func takeAnswers() throws(CoopError) {
        do {
            while let answer = try incoming.next(ScreenAnswer.self) {
                guard let first = questions.first, first.number == answer.number, answer.answers(first.question) else {
                    throw fail("the process that reads its output answers what nobody asked")
                }
                questions.removeFirst()
                answers.append(answer.harmless)
            }
        } catch let error as CoopError {
            throw error
        } catch {
            throw fail("the process that reads its output breaks the protocol")
        }
    }

    private func ended() -> CoopError { fail("the process that reads its output has ended") }

    private func fail(_ why: String) -> CoopError {
        kill(process, SIGKILL)
        let error = CoopError(.failed, "cannot show the terminal", why, next: "coop doctor")
        failure = error
        return error
    }

    private static func now() -> Int64 {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return Int64(value.tv_sec) * 1000 + Int64(value.tv_nsec) / 1_000_000
    }
}

extension ScreenAnswer {
    /// The same with nothing in it that could do more to a person's terminal than draw. A worker that is as it should be sends
    /// nothing else.
    var harmless: ScreenAnswer {
        switch content {
        case .drawing(let bytes):
            var filter = TerminalFilter()
            let drawn = filter.filter(bytes)
            return ScreenAnswer(number: number, content: .drawing(drawn + filter.finish()))
        case .lines(let lines):
            let harmless = lines.map { line in
                var filter = TerminalFilter.text
                return String(decoding: filter.filter(line.utf8) + filter.finish(), as: UTF8.self).filter { !$0.isNewline }
            }
            return ScreenAnswer(number: number, content: .lines(harmless))
        case .replies, .tooLong: return self
        }
    }
}
