import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Synchronization

/// The thread of an `AuditWriter` and what it shares with the event loop.
final class AuditWriterThread: Sendable {
    private struct State: Sendable {
        var waiting = EncodedBatch()
        var submitted: UInt64 = 0
        var acknowledged: UInt64 = 0
        var failure: CoopError?
        var isClosed = false
        /// The thread found nothing to do and sleeps.
        var isIdle = false
        var thread: pthread_t?
    }

    private let log: AuditLog
    private let acknowledge: AuditWriter.Acknowledgement
    private let state = Mutex(State())
    /// Wakes the thread.
    private let work: Descriptor
    /// Wakes the event loop.
    let news: Descriptor

    init(log: AuditLog, acknowledge: AuditWriter.Acknowledgement) throws(CoopError) {
        self.log = log
        self.acknowledge = acknowledge
        do {
            work = Descriptor(owning: try check("eventfd") { coop_eventfd(0) })
            news = Descriptor(owning: try check("eventfd") { coop_eventfd(1) })
        } catch {
            throw CoopError(.failed, "cannot start the writer of the audit log", "\(error)", next: "ulimit -n")
        }
        var every = sigset_t()
        var before = sigset_t()
        sigfillset(&every)
        pthread_sigmask(SIG_SETMASK, &every, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<AuditWriterThread>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard code == 0 else {
            Unmanaged.passUnretained(self).release()
            throw CoopError(
                .failed, "cannot start the writer of the audit log", SystemError("pthread_create", errno: code).description,
                next: "ulimit -u")
        }
        state.withLock { $0.thread = thread }
    }

    // MARK: - The event loop's side

    var pending: Int { state.withLock { Int(clamping: $0.submitted - $0.acknowledged) } }

    func submit(_ entry: AuditEntry) throws(CoopError) -> UInt64 {
        var batch = EncodedBatch()
        log.encode(entry, into: &batch)
        let (ticket, isIdle) = try state.withLock { state throws(CoopError) in
            if let failure = state.failure { throw failure }
            guard !state.isClosed else { throw CoopError(.failed, "cannot write the audit log", "its writer is closed") }
            guard state.submitted - state.acknowledged < AuditWriter.capacity else {
                throw CoopError(
                    .failed, "cannot write the audit log", "the disk is \(AuditWriter.capacity) entries behind", next: "iostat -x 1")
            }
            state.waiting.append(batch)
            state.submitted += 1
            defer { state.isIdle = false }
            return (state.submitted, state.isIdle)
        }
        if isIdle { AuditWriterThread.signal(work) }
        return ticket
    }

    func acknowledged() throws(CoopError) -> UInt64 {
        var count: UInt64 = 0
        _ = read(news.number, &count, 8)
        return try state.withLock { state throws(CoopError) in
            if let failure = state.failure {
                // Whoever polls again must be told again.
                AuditWriterThread.signal(news)
                throw failure
            }
            return state.acknowledged
        }
    }

    func close() throws(CoopError) {
        let thread = state.withLock { state in
            state.isClosed = true
            state.isIdle = false
            defer { state.thread = nil }
            return state.thread
        }
        AuditWriterThread.signal(work)
        if let thread { pthread_join(thread, nil) }
        try state.withLock { state throws(CoopError) in
            if let failure = state.failure { throw failure }
        }
    }

    // MARK: - The thread's side

    private func run() {
        var unsynced: AuditLog.Written?
        do {
            while true {
                var (batch, isClosed) = take(mayRest: unsynced == nil)
                if batch.isEmpty {
                    // Nothing to do: the time to make durable what was acknowledged when it was written.
                    if let written = unsynced {
                        try log.sync(written)
                        unsynced = nil
                    } else if isClosed {
                        return
                    } else {
                        rest()
                    }
                    continue
                }
                let count = batch.count
                var last: AuditLog.Written?
                while !batch.isEmpty { last = try log.commit(batch.takeFirst(limit: AuditLimits.batch)) }
                switch acknowledge {
                case .written: unsynced = last
                case .durable: if let last { try log.sync(last) }
                }
                state.withLock { $0.acknowledged += UInt64(count) }
                AuditWriterThread.signal(news)
            }
        } catch {
            state.withLock { state in
                state.failure = error
                state.waiting = EncodedBatch()
            }
            AuditWriterThread.signal(news)
        }
    }

    /// Everything that waits.
    private func take(mayRest: Bool) -> (EncodedBatch, isClosed: Bool) {
        state.withLock { state in
            defer { state.waiting = EncodedBatch() }
            state.isIdle = mayRest && state.waiting.isEmpty && !state.isClosed
            return (state.waiting, state.isClosed)
        }
    }

    private func rest() {
        var count: UInt64 = 0
        while read(work.number, &count, 8) < 0, errno == EINTR {}
    }

    private static func signal(_ descriptor: Descriptor) {
        var one: UInt64 = 1
        // It can fail only when the counter is full, and then the other side is woken anyway.
        _ = Glibc.write(descriptor.number, &one, 8)
    }
}
