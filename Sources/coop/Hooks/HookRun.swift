import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox

/// A command that runs in a sandbox before the command that the sandbox is for: with nothing to read, its output held back.
final class HookRun {
    /// Bytes and lines of the output's end that are kept for a complaint.
    private static let (byteLimit, lineLimit) = (8 << 10, 20)

    private let client: CommandClient
    private let command: [String]
    private let loop: EventLoop
    private let reader: Descriptor
    private var output: [UInt8] = []

    /// Asks the supervisor for it; the loop then runs until it has ended, and stops.
    init(command: [String], supervisor: Supervisor, loop: EventLoop, attends: Bool) throws {
        self.command = command
        self.loop = loop
        var pipe: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&pipe) }
        reader = Descriptor(owning: pipe[0])
        let writer = Descriptor(owning: pipe[1])
        _ = fcntl(reader.number, F_SETFL, O_NONBLOCK)
        let null = try Descriptor.open("/dev/null", O_RDWR)
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        supervisor.serve(Descriptor(owning: ends[0]), ownsSandbox: false)
        let streams = [null.number, writer.number, writer.number]
        client = CommandClient(
            socket: Descriptor(owning: ends[1]), loop: loop, plan: try StreamPlan(descriptors: streams, terminal: false),
            descriptors: streams, attends: attends)
        try client.start(command)
        loop.watch(reader.number) { [unowned self] _ in self.read() }
        withExtendedLifetime((null, writer)) {}
    }

    /// How it ended. What it has left running belongs to the sandbox, and ends with it.
    func finish() throws -> (code: Int32, interrupted: Bool) {
        read()
        loop.unwatch(reader.number)
        return (try CommandOutcome.code(of: client, command: command), client.wasInterrupted)
    }

    /// The last lines that it wrote.
    var tail: [String] {
        let lines = output.split(separator: UInt8(ascii: "\n")).suffix(HookRun.lineLimit)
        return lines.map { String(osBytes: $0) }
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(reader.number, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else { return loop.unwatch(reader.number) }
            output.append(contentsOf: buffer[0..<count])
            if output.count > HookRun.byteLimit { output.removeFirst(output.count - HookRun.byteLimit) }
        }
    }
}
