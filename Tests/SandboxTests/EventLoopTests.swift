import CLinux
import Glibc
import LinuxKernel
import Testing

@testable import Sandbox

@Suite struct EventLoopTests {
    private struct Stop: Error {}

    private func pipe() throws -> (reader: Descriptor, writer: Descriptor) {
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    @Test("timers fire once, in the order of their time, and cancelled ones never")
    func timers() throws {
        var loop: EventLoop
        var fired: [Int] = []
        var begun: UInt64
        repeat {
            begun = EventLoop.now()
            let new = EventLoop()
            new.after(milliseconds: 1000) { fired.append(3) }
            new.after(milliseconds: 0) { fired.append(1) }
            let never = new.after(milliseconds: 5) { fired.append(99) }
            new.after(milliseconds: 100) { fired.append(2) }
            new.after(milliseconds: 1100) { new.stop() }
            new.cancel(timer: never)
            loop = new
            // After a long halt in between, what was made first would be due first.
        } while EventLoop.now() - begun > 500
        try loop.run()
        #expect(fired == [1, 2, 3])
    }

    @Test("a timer may make and cancel timers, also one that is due in the same round")
    func timersInTimers() throws {
        let loop = EventLoop()
        var fired: [String] = []
        var second = 0
        loop.after(milliseconds: 0) {
            fired.append("first")
            loop.cancel(timer: second)
            loop.after(milliseconds: 0) {
                fired.append("made")
                loop.stop()
            }
        }
        second = loop.after(milliseconds: 0) { fired.append("cancelled") }
        try loop.run()
        #expect(fired == ["first", "made"])
    }

    @Test("a handler that removes another one of the same round keeps it from being called")
    func unwatch() throws {
        let loop = EventLoop()
        let (a, b) = (try pipe(), try pipe())
        try a.writer.writeAll([1])
        try b.writer.writeAll([1])
        var calls = 0
        for (own, other) in [(a.reader.number, b.reader.number), (b.reader.number, a.reader.number)] {
            loop.watch(own) { _ in
                calls += 1
                loop.unwatch(own)
                loop.unwatch(other)
            }
        }
        loop.after(milliseconds: 5) { loop.stop() }
        try loop.run()
        #expect(calls == 1)
    }

    @Test("the end of a stream wakes its handler, and an error thrown ends the loop")
    func errors() throws {
        let loop = EventLoop()
        let ends = try pipe()
        let reader = ends.reader
        loop.watch(reader.number) { events in
            #expect(events & Int16(POLLIN) != 0)
            throw Stop()
        }
        try ends.writer.writeAll([1])
        #expect(throws: Stop.self) { try loop.run() }
        // It can go on afterwards.
        loop.unwatch(reader.number)
        loop.after(milliseconds: 0) { loop.stop() }
        try loop.run()
    }

    @Test("stop before run has no effect on the next run, and many descriptors are served fairly")
    func many() throws {
        let loop = EventLoop()
        loop.stop()
        let pipes = try (0..<100).map { _ in try pipe() }
        var served = Set<Int32>()
        for ends in pipes {
            try ends.writer.writeAll([7])
            loop.watch(ends.reader.number) { _ in
                var byte: UInt8 = 0
                _ = read(ends.reader.number, &byte, 1)
                served.insert(ends.reader.number)
                if served.count == pipes.count { loop.stop() }
            }
        }
        loop.after(milliseconds: 60_000) { throw Stop() }
        try loop.run()
        #expect(served.count == 100)
    }
}
