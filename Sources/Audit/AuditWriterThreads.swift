import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Synchronization

/// The threads of an `AuditWriter` and what they share with the event loop: one writes; where entries count as recorded when they
/// are written, a second one makes them durable, so that none waits for the disk.
final class AuditWriterThreads: Sendable {
    private struct State: Sendable {
        var waiting = EncodedBatch()
        var submitted: UInt64 = 0
        var acknowledged: UInt64 = 0
        /// Acknowledged, and not yet on the disk.
        var unsynced: AuditLog.Written?
        var failure: CoopError?
        var isClosed = false
        /// The writing thread found nothing to do and sleeps.
        var isIdle = false
        /// The writing thread has ended.
        var isWritten = false
        var threads: [pthread_t] = []
    }

    private let log: AuditLog
    private let acknowledge: AuditWriter.Acknowledgement
    private let state = Mutex(State())
    /// Wakes the writing thread.
    private let work: Descriptor
    /// Wakes the syncing thread.
    private let written: Descriptor
    /// Wakes the event loop.
    let news: Descriptor

    init(log: AuditLog, acknowledge: AuditWriter.Acknowledgement) throws(CoopError) {
        self.log = log
        self.acknowledge = acknowledge
        do {
            work = Descriptor(owning: try check("eventfd") { coop_eventfd(0) })
            written = Descriptor(owning: try check("eventfd") { coop_eventfd(0) })
            news = Descriptor(owning: try check("eventfd") { coop_eventfd(1) })
        } catch {
            throw CoopError(.failed, "cannot start the writer of the audit log", "\(error)", next: "ulimit -n")
        }
        do {
            try start { self.write() }
            guard acknowledge == .written else { return }
            try start { self.sync() }
        } catch {
            try? close()
            throw CoopError(.failed, "cannot start the writer of the audit log", "\(error)", next: "ulimit -u")
        }
    }

    private func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let thread = try BackgroundThread.start(body)
        state.withLock { $0.threads.append(thread) }
    }

    // MARK: - The event loop's side

    var pending: Int { state.withLock { Int(clamping: $0.submitted - $0.acknowledged) } }

    func submit(_ entry: AuditEntry) throws(CoopError) -> UInt64 {
        var batch = EncodedBatch()
        log.encode(entry, into: &batch)
        let (ticket, isIdle) = try state.withLock { state throws(CoopError) in
            if let failure = state.failure { throw failure }
            guard !state.isClosed else {
                throw CoopError(.failed, "cannot write the audit log", "its writer is closed", next: "coop audit verify")
            }
            guard state.submitted - state.acknowledged < AuditWriter.capacity else {
                throw CoopError(
                    .failed, "cannot write the audit log", "the disk is \(AuditWriter.capacity) entries behind", next: "iostat -x 1")
            }
            state.waiting.append(batch)
            state.submitted += 1
            defer { state.isIdle = false }
            return (state.submitted, state.isIdle)
        }
        if isIdle { AuditWriterThreads.signal(work) }
        return ticket
    }

    func acknowledged() throws(CoopError) -> UInt64 {
        var count: UInt64 = 0
        _ = read(news.number, &count, 8)
        return try state.withLock { state throws(CoopError) in
            if let failure = state.failure {
                // Whoever polls again must be told again.
                AuditWriterThreads.signal(news)
                throw failure
            }
            return state.acknowledged
        }
    }

    func close() throws(CoopError) {
        let threads = state.withLock { state in
            state.isClosed = true
            state.isIdle = false
            defer { state.threads = [] }
            return state.threads
        }
        AuditWriterThreads.signal(work)
        for thread in threads { pthread_join(thread, nil) }
        try state.withLock { state throws(CoopError) in
            if let failure = state.failure { throw failure }
        }
    }

    // MARK: - The threads' side

    private func write() {
        do throws(CoopError) {
            while var batch = next() {
                let count = UInt64(batch.count)
                var last: AuditLog.Written?
                while !batch.isEmpty { last = try log.commit(batch.takeFirst(limit: AuditLimits.batch)) }
                if acknowledge == .durable, let last { try log.sync(last) }
                state.withLock { state in
                    state.acknowledged += count
                    if acknowledge == .written { state.unsynced = last }
                }
                if acknowledge == .written { AuditWriterThreads.signal(written) }
                AuditWriterThreads.signal(news)
            }
        } catch {
            fail(error)
        }
        state.withLock { $0.isWritten = true }
        AuditWriterThreads.signal(written)
    }

    /// Everything that waits, once there is something; nil when there will be nothing more.
    private func next() -> EncodedBatch? {
        while true {
            let (batch, isClosed, hasFailed) = state.withLock { state in
                defer { state.waiting = EncodedBatch() }
                state.isIdle = state.waiting.isEmpty && !state.isClosed
                return (state.waiting, state.isClosed, state.failure != nil)
            }
            if hasFailed { return nil }
            if !batch.isEmpty { return batch }
            if isClosed { return nil }
            AuditWriterThreads.wait(work)
        }
    }

    private func sync() {
        while true {
            AuditWriterThreads.wait(written)
            let (unsynced, isWritten) = state.withLock { state in
                defer { state.unsynced = nil }
                return (state.unsynced, state.isWritten)
            }
            do throws(CoopError) {
                if let unsynced { try log.sync(unsynced) }
            } catch {
                fail(error)
            }
            if isWritten { return }
        }
    }

    private func fail(_ error: CoopError) {
        state.withLock { state in
            state.failure = state.failure ?? error
            state.waiting = EncodedBatch()
        }
        AuditWriterThreads.signal(news)
    }

    /// Waits until somebody has signalled since the last time.
    private static func wait(_ descriptor: Descriptor) {
        var count: UInt64 = 0
        while read(descriptor.number, &count, 8) < 0, errno == EINTR {}
    }

    private static func signal(_ descriptor: Descriptor) {
        var one: UInt64 = 1
        // It can fail only when the counter is full, and then the other side is woken anyway.
        _ = Glibc.write(descriptor.number, &one, 8)
    }
}
