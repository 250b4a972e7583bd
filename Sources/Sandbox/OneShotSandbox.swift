import CoopErrors
import Glibc
import LinuxKernel
import WardenProtocol

/// Runs one command in a sandbox of its own, with given descriptors and nobody at a terminal.
public struct OneShotSandbox {
    /// The command did not end in time; it was killed.
    public struct TimedOut: Error, CustomStringConvertible {
        public let command: String
        public let seconds: Int
        public var description: String { "`\(command.printable)` inside did not end within \(seconds) seconds" }
    }

    private let engine: any Engine

    public init(engine: any Engine) { self.engine = engine }

    /// Starts the sandbox, runs the spec's command to its end, and clears the sandbox away.
    ///
    /// - Parameters:
    ///   - input: standard input, nil for none. Pipes and regular files only, as for every stream.
    ///   - output: standard output, nil for none.
    ///   - error: standard error, nil for none.
    ///   - limit: milliseconds that the command may take; nil for as long as it likes.
    /// - Throws: `TimedOut`.
    public func run(
        _ spec: SandboxSpec, input: Descriptor? = nil, output: Descriptor? = nil, error: Descriptor? = nil, limit: Int? = nil
    ) throws -> ProcessEnd {
        let sandbox = try engine.launch(spec)
        let end = Result { try command(spec, in: sandbox, streams: [input, output, error], limit) }
        try sandbox.release()
        return try end.get()
    }

    private func command(_ spec: SandboxSpec, in sandbox: LaunchedSandbox, streams: [Descriptor?], _ limit: Int?) throws -> ProcessEnd {
        let request = ProcessRequest(
            id: 1, arguments: spec.command, environment: sandbox.environment, workingDirectory: sandbox.workingDirectory,
            streams: streams.map { $0 == nil ? .null : .passed }, isMain: true)
        try sandbox.channel.sendIfOpen(.start(request), descriptors: streams.compactMap { $0 })
        let end = limit.map { EventLoop.now() + UInt64($0) }
        while try wait(for: sandbox.channel, until: end), let frames = try sandbox.channel.receive() {
            for (frame, _) in frames {
                switch frame {
                case .failed(let step, let subject, let number, let reason):
                    throw SetupExplanation.error(step: step, subject: subject, errno: number, reason: reason)
                case .exited(_, let end): return end
                default: continue
                }
            }
        }
        if let limit, let end, EventLoop.now() >= end {
            kill(sandbox.pid, SIGKILL)
            throw TimedOut(command: spec.command.prefix(2).joined(separator: " "), seconds: limit / 1000)
        }
        return .signaled(UInt8(SIGKILL))
    }

    /// - Returns: whether there is something to receive before the time is over, or the end of it.
    private func wait(for channel: FrameChannel, until end: UInt64?) throws -> Bool {
        guard let end else { return true }
        while true {
            let now = EventLoop.now()
            guard now < end else { return false }
            var watched = pollfd(fd: channel.socket.number, events: Int16(POLLIN), revents: 0)
            let ready = poll(&watched, 1, Int32(clamping: end - now))
            if ready > 0 { return true }
            if ready < 0, errno != EINTR { throw SystemError("poll") }
        }
    }
}
