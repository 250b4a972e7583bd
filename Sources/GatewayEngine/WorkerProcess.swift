import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel
import WorkerConfinement

/// The life of a worker process: confine itself, then serve until its supervisor is gone.
public enum WorkerProcess {
    /// What the process is asked to do by its arguments.
    public enum Mode: Sendable {
        case serve
        /// Confine itself, try to break out, and print what happened to each attempt.
        case probe
    }

    /// Runs the worker on descriptor 3.
    ///
    /// - Parameters:
    ///   - withoutLandlock: see `Confinement`.
    ///   - inspectors: makes the pipelines for inspected connections.
    /// - Returns: the exit code: 0 when the supervisor ended it, 125 otherwise.
    public static func run(_ mode: Mode, withoutLandlock: Bool, inspectors: any InspectorFactory) -> Int32 {
        guard fcntl(Confinement.channel, F_GETFD) >= 0 else {
            complain("this program is started by coop", next: "coop run -- COMMAND")
            return 125
        }
        let confinement = Confinement.gateway(withoutLandlock: withoutLandlock)
        do {
            _ = fcntl(Confinement.channel, F_SETFD, FD_CLOEXEC)
            try confinement.restrictProcess()
            if mode == .probe {
                let files = ConfinementProbe.runFiles()
                try confinement.restrictSystemCalls(to: WorkerSystemCalls.policy(process: getpid()))
                ConfinementProbe.print([
                    ("landlock", files), ("need", ConfinementProbe.gatewayNeeds()),
                    ("attempt", ConfinementProbe.run(channel: Confinement.channel)),
                ])
                return 0
            }
            let notices = try Mailbox<Worker.Notice>()
            let relay = try RelayLoop { notices.post(.ended($0.id, bytesIn: $0.bytesIn, bytesOut: $0.bytesOut)) }
            let started = try inspectors.startThreads()
            let worker = try Worker(socket: Descriptor(owning: Confinement.channel), relay: relay, notices: notices, inspectors: started)
            try RelayThread.start(relay)
            try confinement.restrictSystemCalls(to: WorkerSystemCalls.policy(process: getpid()))
            try worker.run()
            return 0
        } catch {
            complain("the gateway cannot go on: \(describe(error))", next: "coop doctor")
            return 125
        }
    }

    private static func describe(_ error: any Error) -> String {
        switch error {
        case let failure as Confinement.Failure: "confinement failed at \(failure.step): \(SystemError.text(for: failure.errno))"
        case let failure as WireError: "the supervisor broke the protocol: \(failure.reason)"
        default: "\(error)"
        }
    }

    static func complain(_ what: String, next: String) {
        let text = "coop-gateway: \(what)\nNext: \(next)\n"
        _ = write(2, text, text.utf8.count)
    }
}
