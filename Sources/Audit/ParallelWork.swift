import Glibc

/// Runs the same work on several threads and waits for all of them.
enum ParallelWork {
    private final class Body: Sendable {
        let work: @Sendable () -> Void
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }

    /// - Parameter threads: one of them is the caller; where the kernel has no more, the caller does all of it.
    static func run(threads: Int, _ work: @escaping @Sendable () -> Void) {
        let body = Body(work)
        var started: [pthread_t] = []
        for _ in 1..<max(1, threads) {
            var thread = pthread_t()
            let argument = Unmanaged.passRetained(body)
            let code = pthread_create(
                &thread, nil,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().work()
                    return nil
                }, argument.toOpaque())
            if code == 0 { started.append(thread) } else { argument.release() }
        }
        work()
        for thread in started { pthread_join(thread, nil) }
    }
}
