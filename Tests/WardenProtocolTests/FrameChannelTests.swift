import CLinux
import Glibc
import LinuxKernel
import Testing
import WardenProtocol

@Suite struct FrameChannelTests {
    private func pair(limit: Int = Frame.sizeLimit) throws -> (raw: Descriptor, channel: FrameChannel) {
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        return (Descriptor(owning: ends[0]), FrameChannel(Descriptor(owning: ends[1]), limit: limit))
    }

    /// Reads until something arrives; a piece may hold no whole frame.
    private func frames(_ channel: FrameChannel, count: Int) throws -> [Frame] {
        var result: [Frame] = []
        while result.count < count, let received = try channel.receive() { result += received.map(\.frame) }
        return result
    }

    @Test("frames arrive whole and in order, however the stream is cut")
    func splitting() throws {
        var generator = Generator()
        for _ in 0..<min(iterations / 30, 2_000) {
            let (raw, channel) = try pair()
            let sent = generator.list(6) { $0.frame() }
            let bytes = sent.flatMap { $0.encoded(descriptors: 0) }
            var received: [Frame] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...max(1, min(rest.count, 200))))
                rest = rest.dropFirst(piece.count)
                try raw.writeAll(piece)
                received += try #require(try channel.receive()).map(\.frame)
            }
            #expect(received == sent)
        }
    }

    @Test("a length of nothing, of one byte, or beyond the limit is refused", arguments: [UInt32(0), 1, 1025, 1 << 24, .max])
    func hostileLengths(_ length: UInt32) throws {
        let (raw, channel) = try pair(limit: 1024)
        try raw.writeAll(withUnsafeBytes(of: length.littleEndian) { Array($0) } + [4, 0])
        #expect(throws: WireError.self) { try channel.receive() }
    }

    @Test("an end in the middle of a frame is an error, one between frames is the end")
    func ends() throws {
        var (raw, channel): (Descriptor?, FrameChannel) = try pair()
        try raw?.writeAll(Frame.ended.encoded(descriptors: 0))
        #expect(try frames(channel, count: 1) == [.ended])
        raw = nil
        let last = try channel.receive()
        #expect(last == nil)
    }

    @Test("a cut frame is not taken for an end")
    func cut() throws {
        var (raw, channel): (Descriptor?, FrameChannel) = try pair()
        try raw?.writeAll(Frame.ready(checks: 7).encoded(descriptors: 0).dropLast())
        #expect(try channel.receive()?.isEmpty == true)
        raw = nil
        #expect(throws: WireError.self) { try channel.receive() }
    }

    @Test("descriptors belong to the frame that counts them, and a missing one is an error")
    func descriptors() throws {
        let (raw, channel) = try pair()
        let sender = FrameChannel(raw)
        let null = try Descriptor.open("/dev/null", O_RDWR)
        try sender.send(.started(id: 1, pid: 2), descriptors: [null, null])
        try sender.send(.ended)
        var all: [(frame: Frame, descriptors: [Descriptor])] = []
        while all.count < 2, let received = try channel.receive() { all += received }
        #expect(all.map { $0.descriptors.count } == [2, 0])
        try raw.writeAll(Frame.started(id: 1, pid: 2).encoded(descriptors: 1))
        #expect(throws: WireError.self) { try channel.receive() }
    }
}
