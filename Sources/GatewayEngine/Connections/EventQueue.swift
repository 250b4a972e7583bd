import CLinux
import Glibc
import LinuxKernel

/// What a descriptor is ready for (epoll(7)).
struct ReadyEvents: OptionSet {
    let rawValue: UInt32
    static let readable = ReadyEvents(rawValue: UInt32(COOP_EPOLLIN))
    static let writable = ReadyEvents(rawValue: UInt32(COOP_EPOLLOUT))
    static let failed = ReadyEvents(rawValue: UInt32(COOP_EPOLLERR))
    static let hungUp = ReadyEvents(rawValue: UInt32(COOP_EPOLLHUP))
    /// The other side sends no more.
    static let peerFinished = ReadyEvents(rawValue: UInt32(COOP_EPOLLRDHUP))
    /// Told once for each change, not again and again.
    static let onChange = ReadyEvents(rawValue: UInt32(bitPattern: Int32(COOP_EPOLLET)))
}

/// An epoll(7) queue. It belongs to the thread that waits on it.
final class EventQueue {
    private let queue: Descriptor
    private let found: UnsafeMutableBufferPointer<coop_event>

    init() throws(SystemError) {
        queue = Descriptor(owning: try check("epoll_create1") { coop_epoll_create() })
        found = .allocate(capacity: 256)
    }

    deinit { found.deallocate() }

    /// Watches a descriptor; `data` comes back with its events.
    func add(_ number: Int32, _ events: ReadyEvents, data: UInt64) throws(SystemError) {
        try check("epoll_ctl") { coop_epoll_control(queue.number, Int32(COOP_EPOLL_ADD), number, events.rawValue, data) }
    }

    func modify(_ number: Int32, _ events: ReadyEvents, data: UInt64) throws(SystemError) {
        try check("epoll_ctl") { coop_epoll_control(queue.number, Int32(COOP_EPOLL_MODIFY), number, events.rawValue, data) }
    }

    func remove(_ number: Int32) {
        // Fails only for a descriptor that is not in the queue.
        _ = coop_epoll_control(queue.number, Int32(COOP_EPOLL_DELETE), number, 0, 0)
    }

    /// Waits for events, at most `milliseconds` (-1 for as long as it takes), and hands each to `body`.
    func wait(milliseconds: Int32, _ body: (UInt64, ReadyEvents) -> Void) throws(SystemError) {
        let count = coop_epoll_wait(queue.number, found.baseAddress, Int32(found.count), milliseconds)
        if count < 0 {
            if errno == EINTR { return }
            throw SystemError("epoll_wait")
        }
        for index in 0..<Int(count) { body(found[index].data, ReadyEvents(rawValue: found[index].events)) }
    }
}
