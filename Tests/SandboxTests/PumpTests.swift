import CLinux
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import Sandbox

@Suite struct PumpTests {
    private struct Late: Error {}

    private func pipe(size: Int32? = nil) throws -> (reader: Descriptor, writer: Descriptor) {
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        if let size { _ = fcntl(ends[1], 1031 /* F_SETPIPE_SZ */, size) }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    @Test("every byte arrives, once and in order, whatever the pauses, pieces and pipe sizes", arguments: 0..<12)
    func preserves(_ seed: Int) throws {
        var random = SeededGenerator(UInt64(seed) &* 7919 &+ 1)
        let bytes = (0..<Int.random(in: 1...300_000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        var input: (reader: Descriptor, writer: Descriptor?) = try pipe(size: Bool.random(using: &random) ? 4096 : nil)
        let output = try pipe(size: Bool.random(using: &random) ? 4096 : nil)
        for number in [input.writer?.number ?? -1, output.reader.number] { _ = fcntl(number, F_SETFL, O_NONBLOCK) }
        let loop = EventLoop()
        var finished = 0
        let pump = Pump(from: input.reader.number, to: output.writer.number, loop: loop, finished: { finished += 1 })
        var sent = 0
        var received: [UInt8] = []
        func drain() {
            var buffer = [UInt8](repeating: 0, count: Int.random(in: 1...20000, using: &random))
            let count = read(output.reader.number, &buffer, buffer.count)
            if count > 0 { received += buffer[0..<count] }
        }
        func step() throws {
            if sent < bytes.count {
                let piece = min(bytes.count - sent, Int.random(in: 1...30000, using: &random))
                let count = bytes[sent..<sent + piece].withUnsafeBytes { write(input.writer?.number ?? -1, $0.baseAddress, piece) }
                if count > 0 { sent += count }
            } else {
                // The only writer goes: end of file.
                input.writer = nil
            }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: pump.pause()
            case 1, 2: pump.start()
            case 3...6: drain()
            default: break
            }
            if finished > 0 {
                loop.stop()
            } else {
                loop.after(milliseconds: 0) { try step() }
            }
            // Whatever was paused goes on.
            if sent == bytes.count, Int.random(in: 0..<4, using: &random) == 0 {
                pump.start()
                drain()
            }
        }
        loop.after(milliseconds: 120_000) { throw Late() }
        pump.start()
        try step()
        try loop.run()
        for _ in 0..<1000 where received.count < bytes.count { drain() }
        #expect(received == bytes && finished == 1 && pump.isDone)
    }

    @Test("a reader that goes away ends the pump, once, and does not kill the program")
    func brokenPipe() throws {
        signal(SIGPIPE, SIG_IGN)
        let input = try pipe()
        var output: (reader: Descriptor?, writer: Descriptor) = try pipe()
        try input.writer.writeAll([UInt8](repeating: 1, count: 1000))
        output.reader = nil
        // A child of another test that has not executed yet may hold a copy of the reader.
        var broken = pollfd(fd: output.writer.number, events: 0, revents: 0)
        #expect(poll(&broken, 1, 60_000) == 1 && broken.revents & Int16(POLLERR) != 0)
        let loop = EventLoop()
        var finished = 0
        let pump = Pump(
            from: input.reader.number, to: output.writer.number, loop: loop,
            finished: {
                finished += 1
                loop.stop()
            })
        loop.after(milliseconds: 60_000) { throw Late() }
        pump.start()
        try loop.run()
        #expect(finished == 1 && pump.isDone)
        pump.start()
        pump.drain()
        #expect(finished == 1)
    }

    @Test("a slow reader stops the source: memory stays bounded")
    func backPressure() throws {
        let input = try pipe()
        let output = try pipe(size: 4096)
        _ = fcntl(input.writer.number, F_SETFL, O_NONBLOCK)
        let loop = EventLoop()
        let pump = Pump(from: input.reader.number, to: output.writer.number, loop: loop)
        pump.start()
        let chunk = [UInt8](repeating: 1, count: 65536)
        var sent = 0
        func feed() {
            let count = write(input.writer.number, chunk, chunk.count)
            if count > 0 { sent += count }
        }
        for round in 0..<50 { loop.after(milliseconds: UInt64(round)) { feed() } }
        loop.after(milliseconds: 80) { loop.stop() }
        try loop.run()
        // The pipe, one piece in hand, and the small pipe; nothing more, however much is offered.
        #expect(sent <= 65536 * 3, "\(sent) bytes were taken")
    }

    @Test("drain passes on what is there, and then nothing more")
    func drain() throws {
        let (input, output) = (try pipe(), try pipe())
        let loop = EventLoop()
        let pump = Pump(from: input.reader.number, to: output.writer.number, loop: loop, transform: { $0.map { $0 &+ 1 } })
        pump.start()
        try input.writer.writeAll([1, 2, 3])
        pump.drain()
        try input.writer.writeAll([9])
        var buffer = [UInt8](repeating: 0, count: 10)
        #expect(read(output.reader.number, &buffer, 10) == 3 && Array(buffer[0..<3]) == [2, 3, 4])
        #expect(pump.isDone)
    }
}
