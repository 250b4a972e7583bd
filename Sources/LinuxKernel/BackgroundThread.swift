import Glibc

/// Threads beside the one that runs an event loop.
package enum BackgroundThread {
    private final class Body: Sendable {
        let work: @Sendable () -> Void
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }

    /// Starts a thread (pthread_create(3)) that gets no signals: they are the caller's. It has to be joined or detached.
    package static func start(_ work: @escaping @Sendable () -> Void) throws(SystemError) -> pthread_t {
        // A thread begins with the mask of its creator, so that none can arrive before it is set.
        var every = sigset_t()
        var before = sigset_t()
        sigfillset(&every)
        pthread_sigmask(SIG_SETMASK, &every, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Body(work))
        let code = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().work() }
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            argument.release()
            throw SystemError("pthread_create", errno: code)
        }
        return thread
    }
}
