import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel
import Synchronization
import TestSupport

/// A real `coop-gateway` and a supervisor that answers it by a script, on a thread of its own.
final class ScriptedSupervisor: Sendable {
    /// What is answered to a message, with the descriptors that go along.
    typealias Script = @Sendable (WorkerMessage) throws -> [(SupervisorMessage, [Descriptor])]

    private struct State {
        var messages: [WorkerMessage] = []
        var isOver = false
        var script: Script
    }

    /// The ports of the listeners, in the order they were asked for.
    let ports: [UInt16]
    nonisolated(unsafe) let process: ChildProcess
    private let state: Mutex<State>
    private nonisolated(unsafe) let channel: SupervisorChannel
    private let sending = Mutex<Void>(())

    convenience init(_ kinds: [ListenerKind], limits: WorkerLimits = WorkerLimits(), script: @escaping Script) throws {
        var configuration = WorkerConfiguration()
        configuration.limits = limits
        try self.init(kinds, configuration: configuration, script: script)
    }

    init(_ kinds: [ListenerKind], configuration: WorkerConfiguration, script: @escaping Script) throws {
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Loopback.streamType, 0, &ends) }
        channel = SupervisorChannel(Descriptor(owning: ends[0]))
        let theirs = Descriptor(owning: ends[1])
        process = try ChildProcess([try ScriptedSupervisor.program()], descriptors: [3: theirs.number])
        state = Mutex(State(script: script))
        try channel.send(.configure(configuration))
        var ports: [UInt16] = []
        for kind in kinds {
            let socket = kind == .dns ? try Loopback.datagram() : try Loopback.listen()
            ports.append(try Loopback.port(of: socket))
            try channel.send(.listener(kind), descriptors: [socket])
        }
        self.ports = ports
        withExtendedLifetime(theirs) {}
        var thread = pthread_t()
        let failure = pthread_create(&thread, nil, runScript, Unmanaged.passRetained(self).toOpaque())
        guard failure == 0 else { throw SystemError("pthread_create", errno: failure) }
        pthread_detach(thread)
    }

    /// Answers the worker until it ends.
    fileprivate func answer() {
        do {
            while let received = try channel.receive() {
                for (message, _) in received {
                    let script = state.withLock {
                        $0.messages.append(message)
                        return $0.script
                    }
                    for (reply, descriptors) in try script(message) { try send(reply, descriptors) }
                }
            }
        } catch {
            // The test sees the worker's end, and what is missing.
        }
        state.withLock { $0.isOver = true }
    }

    func send(_ message: SupervisorMessage, _ descriptors: [Descriptor] = []) throws {
        try sending.withLock { _ in try channel.send(message, descriptors: descriptors) }
    }

    var messages: [WorkerMessage] { state.withLock { $0.messages } }

    /// Waits until what the worker has said fulfils a condition.
    func wait(seconds: Double = 60, _ condition: ([WorkerMessage]) -> Bool) -> Bool {
        let deadline = Deadline(seconds: seconds)
        while true {
            let (messages, isOver) = state.withLock { ($0.messages, $0.isOver) }
            if condition(messages) { return true }
            if isOver || deadline.hasPassed { return false }
            usleep(2000)
        }
    }

    /// Every opened connection has been closed, and none twice.
    func waitForBalance() -> Bool {
        wait { messages in
            var opened: Set<ConnectionID> = []
            var closed: [ConnectionID: Int] = [:]
            for message in messages {
                if case .open(let id, _) = message { opened.insert(id) }
                if case .closed(let id, _, _) = message { closed[id, default: 0] += 1 }
            }
            return Set(closed.keys) == opened && closed.values.allSatisfy { $0 == 1 }
        }
    }

    var openings: [Opening] { messages.compactMap { if case .open(_, let opening) = $0 { opening } else { nil } } }
    var incidents: [IncidentKind] { messages.compactMap { if case .incident(_, let kind, _) = $0 { kind } else { nil } } }

    /// Asks the worker to end, and waits for it and for the last it has said.
    func shutDown() throws -> ChildProcess.Outcome {
        try? send(.shutdown)
        let outcome = try process.wait(timeout: 60)
        _ = wait { _ in false }
        return outcome
    }

    /// The built worker, beside the test bundle.
    static func program() throws -> String {
        for start in [FileSystem.readLink("/proc/self/exe"), CommandLine.arguments.first.flatMap { FileSystem.realPath($0) }] {
            var directory = start.map { FileSystem.parent(of: $0) }
            while let current = directory, current != "/", current != "." {
                let program = FileSystem.join(current, "coop-gateway")
                if FileSystem.isExecutable(program) { return program }
                directory = FileSystem.parent(of: current)
            }
        }
        let package = FileSystem.normalize(#filePath + "/../../..")
        let program = FileSystem.join(package, ".build/debug/coop-gateway")
        if FileSystem.isExecutable(program) { return program }
        throw TestSupportError("coop-gateway is not built: swift build")
    }
}

private func runScript(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument { Unmanaged<ScriptedSupervisor>.fromOpaque(argument).takeRetainedValue().answer() }
    return nil
}

extension ScriptedSupervisor {
    static let denial = Denial(rule: "no rule", reason: "nothing allows it", next: "coop allow HOST")

    /// Lets everything pass to one port of loopback.
    static func passing(to port: UInt16) -> Script {
        { message in
            guard case .open(let id, let opening) = message else { return [] }
            if opening.protocol == .awaited { return [(.proceed(id), [])] }
            return [(.pass(id), []), (.connected(id, 0), [try Loopback.connect(port)])]
        }
    }

    static let denying: Script = { message in
        guard case .open(let id, _) = message else { return [] }
        return [(.deny(id, denial), [])]
    }
}
