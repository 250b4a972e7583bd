import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Testing
import WardenProtocol

@testable import Sandbox

@Suite struct StreamPlanTests {
    private func pipe() throws -> (reader: Descriptor, writer: Descriptor) {
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    private func terminal() throws -> (master: Descriptor, peer: Descriptor) {
        let master = try Descriptor.open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try check("TIOCSPTLCK") { coop_pty_unlock(master.number) }
        return (master, Descriptor(owning: try check("TIOCGPTPEER") { coop_pty_peer(master.number, O_RDWR | O_NOCTTY | O_CLOEXEC) }))
    }

    @Test("pipes and files are handed over, sockets relayed, /dev/null replaced, closed ones empty")
    func kinds() throws {
        let (reader, writer) = try pipe()
        var sockets: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &sockets) }
        let (socket, other) = (Descriptor(owning: sockets[0]), Descriptor(owning: sockets[1]))
        let file = Descriptor(owning: try check("memfd_create") { coop_memory_file("test") })
        let null = try Descriptor.open("/dev/null", O_RDWR)
        #expect(try StreamPlan(descriptors: [reader.number, writer.number, file.number]).sources == [.passed, .passed, .passed])
        #expect(try StreamPlan(descriptors: [socket.number, socket.number, null.number]).sources == [.relayed, .relayed, .null])
        #expect(try StreamPlan(descriptors: [9999, null.number, 9998]).sources == [.null, .null, .null])
        #expect(try StreamPlan(descriptors: [9999, socket.number, file.number]).streams == [.null, .passed, .passed])
        withExtendedLifetime((other)) {}
    }

    @Test(
        "what would lead out of the sandbox is refused: directories, devices, process handles", arguments: ["/", "/dev/zero", "/dev/full"])
    func refused(_ path: String) throws {
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let bad = try Descriptor.open(path, O_RDONLY)
        for position in 0..<3 {
            var descriptors = [null.number, null.number, null.number]
            descriptors[position] = bad.number
            let error = #expect(throws: CoopError.self) { try StreamPlan(descriptors: descriptors) }
            #expect(error?.code == .refused && error?.next != nil)
            #expect(error?.what.contains(["standard input", "standard output", "standard error"][position]) == true)
        }
        let handle = Descriptor(owning: try check("pidfd_open") { coop_pidfd_open(getpid()) })
        #expect(throws: CoopError.self) { try StreamPlan(descriptors: [handle.number, null.number, null.number]) }
        let path = Descriptor(owning: try check("open") { Glibc.open("/", Int32(COOP_O_PATH) | O_CLOEXEC) })
        #expect(throws: CoopError.self) { try StreamPlan(descriptors: [path.number, null.number, null.number]) }
    }

    @Test("a terminal on both sides is interactive; on one side only it is not stolen from the pipeline")
    func terminals() throws {
        let (master, peer) = try terminal()
        let (reader, writer) = try pipe()
        let tty = peer.number
        func plan(_ descriptors: [Int32], _ asked: Bool? = nil) throws -> StreamPlan {
            try StreamPlan(descriptors: descriptors, terminal: asked)
        }
        let both = try plan([tty, tty, tty])
        #expect(both.isInteractive && both.usesTerminal && both.sources == [.terminal, .terminal, .terminal])
        let input = try plan([tty, writer.number, writer.number])
        #expect(!input.isInteractive && input.sources == [.readableTerminal, .passed, .passed] && !input.usesTerminal)
        let output = try plan([reader.number, tty, tty])
        #expect(!output.isInteractive && output.sources == [.passed, .terminal, .terminal])
        let without = try plan([tty, tty, tty], false)
        #expect(!without.isInteractive && !without.usesTerminal && without.sources == [.readableTerminal, .relayed, .relayed])
        let forced = try plan([reader.number, writer.number, writer.number], true)
        #expect(forced.isInteractive && forced.sources == [.terminal, .terminal, .passed])
        withExtendedLifetime(master) {}
    }
}
