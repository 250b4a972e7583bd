import Glibc
import LinuxKernel

/// The thread of the relay. It ends only by failing, which ends the process: without it nothing would move any more.
enum RelayThread {
    static func start(_ relay: RelayLoop) throws(SystemError) {
        let argument = Unmanaged.passRetained(relay).toOpaque()
        var thread = pthread_t()
        let failure = pthread_create(&thread, nil, runRelay, argument)
        guard failure == 0 else { throw SystemError("pthread_create", errno: failure) }
        pthread_detach(thread)
    }
}

private func runRelay(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let relay = Unmanaged<RelayLoop>.fromOpaque(argument).takeRetainedValue()
    do {
        try relay.run()
    } catch {
        WorkerProcess.complain("the relay has failed: \(error)", next: "coop doctor")
        _exit(125)
    }
}
