import Glibc
import LinuxKernel

/// Waits on descriptors and timers on one thread (poll(2)) and calls whoever is interested.
///
/// Supervision happens in one thread: a sandbox is started and watched without the cost of a thread pool.
public final class EventLoop {
    private struct Timer {
        var id: Int
        var due: UInt64
        var action: () throws -> Void
    }

    /// What somebody waits for. A terminal is read and written by two who do not know of each other.
    private struct Interest: Hashable {
        var descriptor: Int32
        var isWriting: Bool
    }

    private var handlers: [Interest: (events: Int16, action: (Int16) throws -> Void)] = [:]
    private var timers: [Timer] = []
    private var failure: (any Error)?
    private var nextTimer = 0
    private var isStopped = false

    public init() {}

    /// Calls `action` with the events of poll(2) whenever `descriptor` has some. Replaces an earlier interest in the same
    /// direction.
    public func watch(_ descriptor: Int32, events: Int16 = Int16(POLLIN), _ action: @escaping (Int16) throws -> Void) {
        handlers[Interest(descriptor: descriptor, isWriting: events & Int16(POLLOUT) != 0)] = (events, action)
    }

    /// Ends the interest in one direction.
    public func unwatch(_ descriptor: Int32, events: Int16 = Int16(POLLIN)) {
        handlers[Interest(descriptor: descriptor, isWriting: events & Int16(POLLOUT) != 0)] = nil
    }

    /// Calls `action` once after the given milliseconds.
    @discardableResult
    public func after(milliseconds: UInt64, _ action: @escaping () throws -> Void) -> Int {
        nextTimer += 1
        timers.append(Timer(id: nextTimer, due: EventLoop.now() + milliseconds, action: action))
        return nextTimer
    }

    public func cancel(timer: Int) { timers.removeAll { $0.id == timer } }

    public func stop() { isStopped = true }

    /// Ends the loop with an error, from where none can be thrown.
    public func fail(_ error: any Error) { failure = failure ?? error }

    /// Runs until `stop`. An error thrown by a handler ends the loop and is passed on.
    public func run() throws {
        isStopped = false
        while !isStopped {
            if let failure { throw failure }
            var wait: Int32 = -1
            if let due = timers.map(\.due).min() {
                let now = EventLoop.now()
                wait = due <= now ? 0 : Int32(clamping: due - now)
            }
            let interests = Array(handlers.keys)
            var watched = interests.map { pollfd(fd: $0.descriptor, events: handlers[$0]?.events ?? 0, revents: 0) }
            let count = poll(&watched, nfds_t(watched.count), wait)
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError("poll")
            }
            for (interest, entry) in zip(interests, watched) where entry.revents != 0 {
                // A handler called earlier in this round may have removed this one.
                guard let handler = handlers[interest] else { continue }
                try handler.action(entry.revents)
                if isStopped { return }
            }
            let now = EventLoop.now()
            let dueTimers = timers.filter { $0.due <= now }.sorted { $0.due < $1.due }
            for timer in dueTimers where timers.contains(where: { $0.id == timer.id }) {
                timers.removeAll { $0.id == timer.id }
                try timer.action()
                if isStopped { return }
            }
        }
    }

    /// Milliseconds of the monotonic clock (clock_gettime(2)).
    public static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
