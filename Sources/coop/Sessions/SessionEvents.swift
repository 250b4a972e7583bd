import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Sandbox
import Sessions

/// The events of one session from a cursor on, and then as they come, until the session is over: every one once, in order.
final class SessionEvents {
    enum Next {
        case events([Event])
        /// Nothing will follow.
        case over
        /// The deadline has passed.
        case late
    }

    /// How often somebody looks whether the supervisor still lives: what is killed writes nothing. Milliseconds.
    private static let patience: Int64 = 1000

    let session: StoredSession
    private let context: Context
    private let follower: EventFollower
    private var hasEnded = false
    private var hasSwept = false

    /// - Parameter cursor: the number of the last event that is known.
    init(_ session: StoredSession, after cursor: UInt64, context: Context) throws(CoopError) {
        self.session = session
        self.context = context
        follower = try EventFollower(directory: session.directory, after: cursor)
    }

    /// Readable when there may be more.
    var descriptor: Descriptor { follower.descriptor }

    /// Whatever is there, without waiting.
    func available(limit: Int = 1024) throws(CoopError) -> [Event] {
        let events = try follower.next(limit: limit)
        if let last = events.last { hasEnded = SessionEvents.ends(last) }
        return events
    }

    /// Whether nothing follows what was handed out: the log has ended, or whoever wrote it is gone.
    func isOver() throws -> Bool {
        if hasEnded { return true }
        if SessionDirectory.isLive(run: context.run, id: session.id) { return false }
        guard !hasSwept else { return true }
        // What a killed supervisor has left is cleared away, and its log gets its end.
        hasSwept = true
        try Sweep(context: context).run()
        return false
    }

    /// Waits for more.
    ///
    /// - Parameter deadline: of CLOCK_MONOTONIC, in milliseconds; nil for none.
    func next(deadline: Int64? = nil) throws -> Next {
        while true {
            let events = try available()
            if !events.isEmpty { return .events(events) }
            if try isOver() {
                // What came between the look and the end.
                let last = try available()
                return last.isEmpty ? .over : .events(last)
            }
            var wait = SessionEvents.patience
            if let deadline {
                let left = deadline - SessionEvents.now()
                if left <= 0 { return .late }
                wait = min(wait, left)
            }
            _ = try follower.wait(milliseconds: Int32(wait))
        }
    }

    static func ends(_ event: Event) -> Bool { [.exited, .failed, .orphaned].contains(event.type) }

    /// Milliseconds of CLOCK_MONOTONIC.
    static func now() -> Int64 {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return Int64(value.tv_sec) * 1000 + Int64(value.tv_nsec) / 1_000_000
    }
}
