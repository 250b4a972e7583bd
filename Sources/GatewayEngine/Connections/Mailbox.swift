import CLinux
import Glibc
import LinuxKernel
import Synchronization

/// Messages from any thread to the one that waits for `descriptor` to become readable.
final class Mailbox<Message: Sendable>: Sendable {
    /// Readable while messages wait.
    let descriptor: Descriptor
    private let waiting = Mutex<[Message]>([])

    init() throws(SystemError) { descriptor = Descriptor(owning: try check("eventfd") { coop_eventfd(1) }) }

    func post(_ message: Message) {
        let wasEmpty = waiting.withLock {
            $0.append(message)
            return $0.count == 1
        }
        if wasEmpty { ring() }
    }

    /// Makes the descriptor readable.
    func ring() {
        var one: UInt64 = 1
        _ = write(descriptor.number, &one, 8)
    }

    /// Takes all messages.
    func drain() -> [Message] {
        var count: UInt64 = 0
        _ = read(descriptor.number, &count, 8)
        return waiting.withLock {
            let messages = $0
            $0 = []
            return messages
        }
    }
}
