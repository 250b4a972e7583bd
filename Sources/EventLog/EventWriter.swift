import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// The one writer of a session's log. Numbers are given when an event is appended; a thread writes everything that has
/// gathered meanwhile in one transaction, so that one wait for the disk serves thousands of events.
///
/// The log is opened by that thread when the first event comes: whoever starts a sandbox does not wait for it.
public final class EventWriter: Sendable {
    private struct State {
        var batch: EventBatch
        /// The number of the last event that is on the disk.
        var committed: UInt64
        var failure: CoopError?
        var isClosing = false
        var thread: pthread_t?
    }

    /// How many bytes may wait; who appends more waits for the disk.
    public static let capacity = 16 << 20

    private let files: EventLogFiles
    /// An opened log, handed to the thread; nil for a new one, which the thread makes.
    private let opened: Monitor<EventStore?>
    private let state: Monitor<State>
    /// Readable for an event loop after every commit and when the log has failed.
    public let news: Descriptor

    /// A new log in an existing directory.
    public static func create(directory: String) throws(CoopError) -> EventWriter {
        try EventWriter(EventLogFiles(directory: directory), continuing: nil)
    }

    /// Goes on with the log of a session that has ended or whose writer was killed. There must be no other writer.
    public static func open(directory: String) throws(CoopError) -> EventWriter {
        let files = EventLogFiles(directory: directory)
        return try EventWriter(files, continuing: try EventStore(files, isNew: false))
    }

    private init(_ files: EventLogFiles, continuing store: EventStore?) throws(CoopError) {
        self.files = files
        let last = store?.last ?? 0
        opened = Monitor(store)
        state = Monitor(State(batch: EventBatch(after: last), committed: last))
        do { news = Descriptor(owning: try check("eventfd") { coop_eventfd(1) }) } catch {
            throw CoopError(.failed, EventLogFailure.what, "\(error)", next: "ulimit -n")
        }
    }

    // MARK: - Appending

    /// Adds an event.
    ///
    /// - Returns: its number. It is on the disk once `committed` has reached it.
    /// - Throws: why the log cannot be written any more; it then stays so.
    @discardableResult
    public func append(_ type: EventType, _ fields: EventFields = EventFields(), at time: EventTime = .now()) throws(CoopError) -> UInt64 {
        try withRoom { state in state.batch.add(type, fields, at: time) }
    }

    /// Adds bytes that the terminal has received.
    public func append(terminal bytes: some Collection<UInt8>, at time: EventTime = .now()) throws(CoopError) {
        guard !bytes.isEmpty else { return }
        try withRoom { state in state.batch.add(terminal: bytes, at: time) }
    }

    /// Adds bytes that a further command has written.
    public func append(written bytes: some Collection<UInt8>, by command: UInt32, at time: EventTime = .now()) throws(CoopError) {
        guard !bytes.isEmpty else { return }
        try withRoom { state in state.batch.add(written: bytes, by: command, at: time) }
    }

    private func withRoom<Result>(_ body: (inout State) -> Result) throws(CoopError) -> Result {
        try state.wait { state throws(CoopError) -> Result? in
            if let failure = state.failure { throw failure }
            guard !state.isClosing else { throw EventLogFailure.closed }
            guard state.batch.size < EventWriter.capacity else { return nil }
            if state.thread == nil { state.thread = try start() }
            return body(&state)
        }
    }

    /// The number of the last event that is on the disk.
    public var committed: UInt64 { state.change { $0.committed } }

    /// Why nothing can be written any more.
    public var failure: CoopError? { state.change { $0.failure } }

    /// Waits until everything appended so far is on the disk.
    public func flush() throws(CoopError) {
        let target = state.change { $0.batch.last }
        try state.wait { state throws(CoopError) -> Void? in
            if let failure = state.failure { throw failure }
            return state.committed >= target ? () : nil
        }
    }

    /// Writes what waits and closes the log.
    public func close() throws(CoopError) {
        let thread = state.change { state -> pthread_t? in
            state.isClosing = true
            defer { state.thread = nil }
            return state.thread
        }
        if let thread { pthread_join(thread, nil) }
        if let failure { throw failure }
    }

    // MARK: - The thread

    private func start() throws(CoopError) -> pthread_t {
        do { return try BackgroundThread.start { self.write() } } catch {
            throw CoopError(.failed, EventLogFailure.what, error.reason, next: "ulimit -u")
        }
    }

    private func write() {
        let store: EventStore
        do throws(CoopError) {
            if let given = opened.change({ $0.take() }) { store = given } else { store = try EventStore(files, isNew: true) }
        } catch {
            fail(error)
            return
        }
        while let batch = next() {
            do throws(CoopError) {
                try store.commit(batch)
            } catch {
                store.conclude(error)
                fail(error)
                return
            }
            state.change { $0.committed = batch.last }
            signal()
        }
        do throws(CoopError) { try store.close() } catch { fail(error) }
    }

    /// Everything that waits, once there is something; nil when there will be nothing more.
    private func next() -> EventBatch? {
        state.wait { state -> EventBatch?? in
            if !state.batch.entries.isEmpty {
                let batch = state.batch
                state.batch = EventBatch(after: batch.last)
                return .some(batch)
            }
            return state.isClosing ? .some(nil) : nil
        }
    }

    private func fail(_ error: CoopError) {
        state.change { $0.failure = $0.failure ?? error }
        signal()
    }

    private func signal() {
        var one: UInt64 = 1
        // It can fail only when the counter is full, and then the loop is woken anyway.
        _ = Glibc.write(news.number, &one, 8)
    }
}
