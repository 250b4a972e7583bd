import CoopErrors
import Glibc
import LinuxKernel
import WardenProtocol

/// Runs one command in a sandbox of its own, with given descriptors and nobody at a terminal.
public struct OneShotSandbox {
    private let engine: any Engine

    public init(engine: any Engine) { self.engine = engine }

    /// Starts the sandbox, runs the spec's command to its end, and clears the sandbox away.
    ///
    /// - Parameters:
    ///   - input: standard input, nil for none. Pipes and regular files only, as for every stream.
    ///   - output: standard output, nil for none.
    ///   - error: standard error, nil for none.
    public func run(_ spec: SandboxSpec, input: Descriptor? = nil, output: Descriptor? = nil, error: Descriptor? = nil) throws -> ProcessEnd
    {
        let sandbox = try engine.launch(spec)
        let end = Result { try command(spec, in: sandbox, streams: [input, output, error]) }
        try sandbox.release()
        return try end.get()
    }

    private func command(_ spec: SandboxSpec, in sandbox: LaunchedSandbox, streams: [Descriptor?]) throws -> ProcessEnd {
        let request = ProcessRequest(
            id: 1, arguments: spec.command, environment: sandbox.environment, workingDirectory: sandbox.workingDirectory,
            streams: streams.map { $0 == nil ? .null : .passed }, isMain: true)
        try sandbox.channel.sendIfOpen(.start(request), descriptors: streams.compactMap { $0 })
        while let frames = try sandbox.channel.receive() {
            for (frame, _) in frames {
                switch frame {
                case .failed(let step, let subject, let number, let reason):
                    throw SetupExplanation.error(step: step, subject: subject, errno: number, reason: reason)
                case .exited(_, let end): return end
                default: continue
                }
            }
        }
        return .signaled(UInt8(SIGKILL))
    }
}
