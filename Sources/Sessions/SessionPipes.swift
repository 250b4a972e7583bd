import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// Holds the output of a command without a terminal: what an agent writes in its structured mode becomes events, everything else is kept as it
/// is. Nobody can type to it.
public final class SessionPipes: TerminalHost {
    private static let command: UInt32 = 1

    private let channel: FrameChannel
    private let loop: EventLoop
    private let recorder: SessionRecorder
    private var readers: [Descriptor] = []
    /// How the command ended; nil while it runs.
    public private(set) var end: ProcessEnd?
    public var whenStarted: () throws -> Void = {}

    /// - Parameter socket: a connection to the supervisor that owns the sandbox.
    public init(socket: Descriptor, loop: EventLoop, recorder: SessionRecorder) {
        channel = FrameChannel(socket)
        self.loop = loop
        self.recorder = recorder
        loop.watch(channel.socket.number) { [unowned self] _ in try self.readChannel() }
    }

    /// - Parameter isStructured: standard output is the agent's stream.
    public func start(_ command: [String], umask: UInt16, isStructured: Bool) throws {
        var writers: [Descriptor] = []
        for index in 0..<2 {
            var ends: [Int32] = [-1, -1]
            try check("pipe2") { coop_pipe(&ends) }
            let reader = Descriptor(owning: ends[0])
            writers.append(Descriptor(owning: ends[1]))
            readers.append(reader)
            try check("fcntl") { fcntl(reader.number, F_SETFL, O_NONBLOCK) }
            let isStream = isStructured && index == 0
            loop.watch(reader.number) { [unowned self] _ in _ = try self.read(reader.number, isStream: isStream) }
        }
        try recorder.active()
        try channel.send(
            .start(
                ProcessRequest(
                    id: SessionPipes.command, arguments: command, environment: [], workingDirectory: "",
                    streams: [.null, .passed, .passed], umask: umask)), descriptors: writers)
    }

    /// - Returns: whether there may be more.
    private func read(_ number: Int32, isStream: Bool) throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(number, &buffer, buffer.count)
        if count < 0, errno == EINTR { return true }
        if count < 0, errno == EAGAIN { return false }
        guard count > 0 else {
            loop.unwatch(number)
            return false
        }
        let bytes = Array(buffer[..<count])
        if isStream { try recorder.structured(bytes) } else { _ = try recorder.received(bytes) }
        return true
    }

    /// Takes the command's end from the connection, once the supervisor has put it there and before the loop stops.
    public func settle() throws { while end == nil { try readChannel() } }

    private func readChannel() throws {
        guard let frames = try channel.receive() else {
            loop.unwatch(channel.socket.number)
            if end == nil { try finish(.signaled(UInt8(SIGKILL))) }
            return
        }
        for (frame, _) in frames {
            switch frame {
            case .started: try whenStarted()
            case .stopped: break
            case .exited(_, let end):
                try finish(end)
                return
            default: throw CoopError(.failed, "the supervisor does not keep to the protocol", "an unexpected frame", next: "coop ps")
            }
        }
    }

    private func finish(_ end: ProcessEnd) throws {
        self.end = end
        loop.unwatch(channel.socket.number)
        for (index, reader) in readers.enumerated() {
            loop.unwatch(reader.number)
            while try read(reader.number, isStream: index == 0 && recorder.hasStream) {}
        }
        if case .notStarted = end { try whenStarted() }
    }

    // MARK: - Nobody has a terminal here

    public func attach(
        _ client: Int32, rows: UInt16, columns: UInt16, isReadOnly: Bool, send: @escaping (Frame, [Descriptor]) throws -> Void
    ) throws { try send(.detached, []) }

    public func resize(_ client: Int32, rows: UInt16, columns: UInt16) {}
    public func leave(_ client: Int32) {}
    public func type(_ input: TypedInput) {}
    public func detachAll() {}
    public func signal(_ number: UInt8) throws { try channel.sendIfOpen(.signal(.command(SessionPipes.command), number)) }
}
