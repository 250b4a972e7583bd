import CoopErrors
import Glibc
import LinuxKernel

/// Reads a log from a cursor and then as it grows: every event once, in order, however slowly. Used by one thread at a time.
public final class EventFollower {
    private let files: EventLogFiles
    private var reader: EventReader?
    /// The number of the last event that was handed out.
    public private(set) var cursor: UInt64
    /// Readable when there may be more (inotify(7)): for an event loop.
    public let descriptor: Descriptor
    private var watchesTip = false

    /// - Parameter cursor: the number of the last event that is known; zero for all.
    public init(directory: String, after cursor: UInt64 = 0) throws(CoopError) {
        files = EventLogFiles(directory: directory)
        self.cursor = cursor
        do {
            descriptor = Descriptor(owning: try check("inotify_init1") { inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC)) })
        } catch {
            throw EventFollower.error(error)
        }
        // The watch comes before the first look, so that nothing falls between the two.
        try watch()
    }

    /// The next events, as many as are there up to `limit`; empty when there is nothing new.
    public func next(limit: Int = 1024) throws(CoopError) -> [Event] {
        drain()
        try watch()
        guard watchesTip else { return [] }
        let open: EventReader
        if let reader { open = reader } else { open = try EventReader(directory: files.directory) }
        reader = open
        let events = try open.events(after: cursor, limit: limit)
        if let last = events.last { cursor = last.sequence }
        return events
    }

    /// Waits until there may be more.
    ///
    /// - Parameter milliseconds: how long at most; nil for ever.
    /// - Returns: whether `next` may have something.
    public func wait(milliseconds: Int32? = nil) throws(CoopError) -> Bool {
        var poll = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        do { return try check("poll") { Glibc.poll(&poll, 1, milliseconds ?? -1) } > 0 } catch { throw EventFollower.error(error) }
    }

    /// Watches the tip, or the directory until there is one.
    private func watch() throws(CoopError) {
        if watchesTip { return }
        let directory = files.directory
        if directory.withOSBytes({ inotify_add_watch(descriptor.number, $0, UInt32(IN_CREATE)) }) < 0 {
            throw EventFollower.error(SystemError("inotify_add_watch", directory))
        }
        if files.tip.withOSBytes({ inotify_add_watch(descriptor.number, $0, UInt32(IN_MODIFY)) }) < 0 {
            guard errno == ENOENT else { throw EventFollower.error(SystemError("inotify_add_watch", files.tip)) }
            return
        }
        watchesTip = true
    }

    private func drain() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while read(descriptor.number, &buffer, buffer.count) > 0 {}
    }

    private static func error(_ error: SystemError) -> CoopError {
        CoopError(.failed, "cannot follow the session's event log", "\(error)", next: "sysctl fs.inotify.max_user_instances")
    }
}
