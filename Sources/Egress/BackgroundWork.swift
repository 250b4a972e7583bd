import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import Synchronization

/// Work that can take long, on threads of its own, so that the loop goes on: programs that give secrets, servers that refresh tokens.
final class BackgroundWork {
    /// What the threads share with the loop.
    private final class Desk: Sendable {
        struct State: Sendable {
            var waiting: [(number: Int, body: @Sendable () -> any Sendable)] = []
            var done: [(number: Int, result: any Sendable)] = []
            var threads = 0

            /// The next job for a thread; nil when it is to end.
            mutating func next() -> (number: Int, body: @Sendable () -> any Sendable)? {
                guard !waiting.isEmpty else {
                    threads -= 1
                    return nil
                }
                return waiting.removeFirst()
            }
        }

        let state = Mutex(State())
        /// Readable while results wait.
        let news: Descriptor

        init() throws(SystemError) { news = Descriptor(owning: try check("eventfd") { coop_eventfd(1) }) }

        /// Works until nothing waits any more.
        func work() {
            while let job = state.withLock({ $0.next() }) {
                let result = job.body()
                state.withLock { $0.done.append((job.number, result)) }
                var one: UInt64 = 1
                _ = write(news.number, &one, 8)
            }
        }
    }

    /// Threads at a time. More work waits: a person who is asked by a password manager is asked a few times at most.
    private static let threads = 8

    private let loop: EventLoop
    private var desk: Desk?
    private var completions: [Int: (any Sendable) -> Void] = [:]
    private var lastNumber = 0

    init(loop: EventLoop) { self.loop = loop }

    /// Does `body` on another thread, and then calls `completion` on the loop. An error that it throws goes to `failed`.
    func run<Result: Sendable>(
        _ body: @escaping @Sendable () -> Result, failed: @escaping (any Error) -> Void, then completion: @escaping (Result) throws -> Void
    ) throws(CoopError) {
        do {
            let desk = try self.desk ?? open()
            lastNumber += 1
            completions[lastNumber] = { result in
                do {
                    guard let result = result as? Result else {
                        throw CoopError(.failed, "cannot ask for a credential", "its answer is another's", next: "coop doctor")
                    }
                    try completion(result)
                } catch {
                    failed(error)
                }
            }
            let number = lastNumber
            let needsThread = desk.state.withLock { state in
                state.waiting.append((number, body))
                guard state.threads < BackgroundWork.threads else { return false }
                state.threads += 1
                return true
            }
            if needsThread { try start(desk) }
        } catch {
            throw CoopError(.failed, "cannot ask for a credential", "\(error)", next: "ulimit -u")
        }
    }

    /// Forgets what is under way; nobody is told its result any more.
    func stop() {
        if let desk {
            loop.unwatch(desk.news.number)
            desk.state.withLock { $0.waiting = [] }
        }
        desk = nil
        completions = [:]
    }

    private func open() throws(SystemError) -> Desk {
        let made = try Desk()
        desk = made
        loop.watch(made.news.number) { [unowned self] _ in self.settle() }
        return made
    }

    private func settle() {
        guard let desk else { return }
        var count: UInt64 = 0
        _ = read(desk.news.number, &count, 8)
        let done = desk.state.withLock { state in
            let done = state.done
            state.done = []
            return done
        }
        // One of them may end everything, and with it what the others are for.
        for (number, result) in done { completions.removeValue(forKey: number)?(result) }
    }

    private func start(_ desk: Desk) throws(SystemError) {
        do { pthread_detach(try BackgroundThread.start { desk.work() }) } catch {
            desk.state.withLock { $0.threads -= 1 }
            throw error
        }
    }
}
