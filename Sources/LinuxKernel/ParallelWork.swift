import Glibc

/// Runs the same work on several threads and waits for all of them.
package enum ParallelWork {
    /// - Parameter threads: one of them is the caller; where the kernel has no more, the caller does all of it.
    package static func run(threads: Int, _ work: @escaping @Sendable () -> Void) {
        var started: [pthread_t] = []
        for _ in 1..<max(1, threads) {
            guard let thread = try? BackgroundThread.start(work) else { break }
            started.append(thread)
        }
        work()
        for thread in started { pthread_join(thread, nil) }
    }
}
