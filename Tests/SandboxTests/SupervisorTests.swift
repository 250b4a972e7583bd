import CLinux
import Glibc
import LinuxKernel
import Testing
import WardenProtocol

@testable import Sandbox

@Suite struct SupervisorTests {
    private static func pair() throws -> (Descriptor, Descriptor) {
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    @Test("a command that is asked for when the warden is gone already has ended")
    func startAfterTheEnd() throws {
        let loop = EventLoop()
        let sandbox: LaunchedSandbox
        do {
            let (ours, _) = try SupervisorTests.pair()
            // The other end is closed here: a warden that died before anything was asked of it.
            sandbox = LaunchedSandbox(
                channel: FrameChannel(ours, limit: 1 << 20), pid: 0, environment: [], workingDirectory: "/", release: {})
        }
        let supervisor = Supervisor(sandbox: sandbox, loop: loop, keep: true)
        supervisor.whenOver = { loop.stop() }
        try loop.run()
        #expect(supervisor.isOver)

        let (served, socket) = try SupervisorTests.pair()
        supervisor.serve(served, ownsSandbox: true)
        let client = FrameChannel(socket, limit: 1 << 20)
        try client.send(
            .start(ProcessRequest(id: 7, arguments: ["true"], environment: [], workingDirectory: "/", streams: [.null, .null, .null])))
        var answer: [Frame] = []
        loop.watch(client.socket.number) { _ in
            answer = try client.receive()?.map { $0.frame } ?? []
            loop.stop()
        }
        // Only without an answer.
        loop.after(milliseconds: 20_000) { loop.stop() }
        try loop.run()
        guard case .exited(7, .signaled(UInt8(SIGKILL)))? = answer.first else {
            Issue.record("\(answer)")
            return
        }
    }
}
