import ConfinedTerminal
import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Sandbox

/// Asks the confined worker what only a terminal knows: the answers to a program's own questions (where the cursor is, what it can do), which
/// must come whether somebody looks or not and from no real terminal; and the screen, kept in the log now and then so that who attaches
/// later need not read it from the beginning.
///
/// The worker is there only while it is needed.
final class ScreenKeeper {
    /// How long it stays after a question, in milliseconds: who asks once asks again.
    private static let stay: UInt64 = 10_000
    /// So much must have come since the last kept screen.
    private static let stride: UInt64 = 1 << 20

    private let directory: String
    private let loop: EventLoop
    private let reply: ([UInt8]) throws -> Void
    private let keep: (_ snapshot: [UInt8], _ offset: UInt64) throws -> Void
    private var worker: TerminalWorker?
    private var timer: Int?
    /// What to do with the worker's answers, by their numbers.
    private var awaited: [UInt32: (ScreenAnswer.Content) throws -> Void] = [:]
    private var kept: UInt64 = 0

    /// - Parameters:
    ///   - reply: takes what the terminal answers to the program.
    ///   - keep: takes a screen, and up to which byte of the terminal it is.
    init(
        directory: String, loop: EventLoop, reply: @escaping ([UInt8]) throws -> Void,
        keep: @escaping (_ snapshot: [UInt8], _ offset: UInt64) throws -> Void
    ) {
        self.directory = directory
        self.loop = loop
        self.reply = reply
        self.keep = keep
    }

    deinit { if let worker { loop.unwatch(worker.descriptor.number) } }

    /// The terminal has received something.
    ///
    /// - Parameters:
    ///   - offset: of the first of the bytes.
    ///   - asks: whether a question is among them.
    ///   - flush: brings everything so far into the log.
    func received(_ bytes: [UInt8], at offset: UInt64, asks: Bool, flush: () throws -> Void) throws {
        do {
            if asks, worker == nil {
                try flush()
                try start(upTo: offset)
                // What was answered already is not answered again.
                try ask(.replies) { _ in }
            }
            guard let worker else { return }
            try worker.feed(bytes)
            if asks {
                try ask(.replies) { [unowned self] answer in if case .replies(let bytes) = answer { try self.reply(bytes) } }
                stayAWhile()
            }
            pump()
        } catch let error as CoopError {
            try lose(error)
        }
    }

    func resized(rows: UInt16, columns: UInt16) {
        // One that has died is missed at the next question.
        try? worker?.resize(rows: Int(rows), columns: Int(columns))
    }

    /// The program rests: a good moment to keep the screen.
    ///
    /// - Parameter end: how many bytes the terminal has received.
    func rest(at end: UInt64, flush: () throws -> Void) throws {
        guard end - kept >= ScreenKeeper.stride else { return }
        kept = end
        do {
            if worker == nil {
                try flush()
                try start(upTo: end)
            }
            try ask(.snapshot(scrollback: true)) { [unowned self] answer in
                if case .drawing(let bytes) = answer { try self.keep(bytes, end) }
            }
            stayAWhile()
            pump()
        } catch let error as CoopError {
            try lose(error)
        }
    }

    /// Asks for the rows of the screen.
    ///
    /// - Parameters:
    ///   - end: how many bytes the terminal has received.
    ///   - then: takes the rows later, or nil when the worker cannot tell.
    func text(at end: UInt64, flush: () throws -> Void, then: @escaping ([String]?) throws -> Void) throws {
        if worker == nil { try flush() }
        do {
            if worker == nil { try start(upTo: end) }
            try ask(.text(scrollback: false)) { answer in
                if case .lines(let rows) = answer { try then(rows) } else { try then(nil) }
            }
        } catch is CoopError {
            stop()
            return try then(nil)
        }
        stayAWhile()
        pump()
    }

    private func start(upTo offset: UInt64) throws {
        let worker = try TerminalWorker()
        self.worker = worker
        try ScreenReplay(directory: directory).feed(worker, upTo: Int64(clamping: offset))
        loop.watch(worker.descriptor.number) { [unowned self] _ in self.pump() }
    }

    private func ask(_ question: ScreenQuestion, then: @escaping (ScreenAnswer.Content) throws -> Void) throws {
        guard let worker else { return }
        awaited[try worker.ask(question)] = then
    }

    private func pump() {
        guard let worker else { return }
        do {
            for answer in try worker.advance() { try awaited.removeValue(forKey: answer.number)?(answer.content) }
            let isWaiting = worker.wantsToWrite
            if isWaiting {
                loop.watch(worker.descriptor.number, events: Int16(POLLOUT)) { [unowned self] _ in self.pump() }
            } else {
                loop.unwatch(worker.descriptor.number, events: Int16(POLLOUT))
            }
        } catch let error as CoopError {
            do { try lose(error) } catch { loop.fail(error) }
        } catch {
            loop.fail(error)
        }
    }

    /// A worker that has died answers nothing more: the program asks again, or does without, as with a terminal that cannot answer.
    private func lose(_ error: CoopError) throws {
        let wasThere = worker != nil
        stop()
        // Without a worker the failure was another one: the log's.
        if !wasThere { throw error }
    }

    private func stayAWhile() {
        if let timer { loop.cancel(timer: timer) }
        timer = loop.after(milliseconds: ScreenKeeper.stay) { [unowned self] in
            self.timer = nil
            self.stop()
        }
    }

    private func stop() {
        if let timer { loop.cancel(timer: timer) }
        timer = nil
        guard let worker else { return }
        loop.unwatch(worker.descriptor.number)
        loop.unwatch(worker.descriptor.number, events: Int16(POLLOUT))
        self.worker = nil
        let unanswered = awaited.values
        awaited = [:]
        // Whoever waits for an answer must not wait for ever.
        for then in unanswered { do { try then(.tooLong) } catch { loop.fail(error) } }
    }
}
