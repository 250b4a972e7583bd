import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Synchronization

/// Appends entries without holding up an event loop: threads write them in batches, and a descriptor tells when.
///
/// Each entry gets a ticket, counted from 1. Entries are written and acknowledged in the order of their tickets.
public final class AuditWriter: Sendable {
    /// When an entry counts as recorded.
    public enum Acknowledgement: Sendable {
        /// When it is written; it survives the end of every process. It is made durable at once, and nobody waits for that.
        case written
        /// When it is on the disk; it survives a power failure as well.
        case durable
    }

    /// How many entries may wait; the disk is far behind whoever submits more.
    public static let capacity = 65_536

    private let worker: AuditWriterThreads

    /// Starts the threads: one, or two for `.written`. They block all signals, so that those reach the event loop.
    ///
    /// - Throws: `CoopError` when the kernel has no descriptor or thread left.
    public init(log: AuditLog, acknowledge: Acknowledgement = .durable) throws(CoopError) {
        worker = try AuditWriterThreads(log: log, acknowledge: acknowledge)
    }

    deinit { try? worker.close() }

    /// Readable when `acknowledged()` has news: further entries, or that the log has failed (an eventfd(2) for poll(2)).
    public var descriptor: Int32 { worker.news.number }

    /// Hands over an entry; never waits for the disk.
    ///
    /// - Returns: its ticket.
    /// - Throws: `CoopError` when an earlier entry could not be written: nothing will be any more. Also when `capacity` entries wait.
    public func submit(_ entry: AuditEntry) throws(CoopError) -> UInt64 { try worker.submit(entry) }

    /// The highest ticket that is recorded, and with it all lower ones. Makes the descriptor unreadable again.
    ///
    /// - Throws: `CoopError` when an entry could not be recorded, at this and every later call.
    public func acknowledged() throws(CoopError) -> UInt64 { try worker.acknowledged() }

    /// How many entries wait.
    public var pending: Int { worker.pending }

    /// Waits until everything is on the disk, and ends the threads. Nothing can be submitted afterwards.
    ///
    /// - Throws: `CoopError` when an entry could not be recorded.
    public func close() throws(CoopError) { try worker.close() }
}
