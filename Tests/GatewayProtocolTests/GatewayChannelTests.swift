import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel
import Testing

@Suite struct GatewayChannelTests {
    private func pair() throws -> (supervisor: SupervisorChannel, worker: WorkerChannel) {
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        return (SupervisorChannel(Descriptor(owning: ends[0])), WorkerChannel(Descriptor(owning: ends[1])))
    }

    @Test("a socket arrives with the message that it belongs to")
    func descriptors() throws {
        let (supervisor, worker) = try pair()
        let null = try Descriptor.open("/dev/null", O_RDWR)
        try supervisor.send(.listener(.hostPort(5432)), descriptors: [null])
        try supervisor.send(.pass(1))
        try supervisor.send(.connected(7, 2), descriptors: [null])
        var all: [(frame: SupervisorMessage, descriptors: [Descriptor])] = []
        while all.count < 3, let received = try worker.receive() { all += received }
        #expect(all.map(\.frame) == [.listener(.hostPort(5432)), .pass(1), .connected(7, 2)])
        #expect(all.map(\.descriptors.count) == [1, 0, 1])
        try worker.send(.closed(7, bytesIn: 1, bytesOut: 2))
        #expect(try supervisor.receive()?.map(\.frame) == [.closed(7, bytesIn: 1, bytesOut: 2)])
    }

    @Test("a message that is longer than the protocol allows ends the peer before it is read")
    func length() throws {
        let (supervisor, worker) = try pair()
        let size = UInt32(ProtocolLimit.workerMessage + 1)
        try worker.socket.writeAll(withUnsafeBytes(of: size.littleEndian) { Array($0) } + [1, 0])
        #expect(throws: WireError.self) { try supervisor.receive() }
    }

    @Test("a large configuration arrives whole")
    func large() async throws {
        let (supervisor, worker) = try pair()
        let message = SupervisorMessage.configure(
            WorkerConfiguration(roots: Array(repeating: Array(repeating: 7, count: 2000), count: 1000)))
        let bytes = message.encoded(descriptors: 0)
        // Piece by piece, because nobody reads while this test writes.
        var rest = bytes[...]
        var received: [SupervisorMessage] = []
        while !rest.isEmpty {
            let piece = rest.prefix(50_000)
            rest = rest.dropFirst(piece.count)
            try supervisor.socket.writeAll(piece)
            received += try #require(try worker.receive()).map(\.frame)
        }
        while received.isEmpty, let more = try worker.receive() { received += more.map(\.frame) }
        #expect(received == [message])
    }
}
