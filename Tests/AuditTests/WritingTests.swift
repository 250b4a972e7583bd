import CoopErrors
import Glibc
import LinuxKernel
import Synchronization
import TestSupport
import Testing

@testable import Audit

@Suite struct WritingTests {
    @Test("entries get consecutive numbers, over several logs of the same directory and over files")
    func numbers() throws {
        let scratch = try Scratch()
        let limits = AuditLimits(fileSize: 2000)
        let logs = try (0..<3).map { _ in try AuditLog(directory: scratch.log, limits: limits) }
        var last: UInt64 = 0
        for index in 0..<90 {
            let number = try logs[index % 3].append(Scratch.entry(index), durable: index % 7 == 0)
            #expect(number > last)
            last = number
        }
        let found = try scratch.verify()
        #expect(found.isIntact && found.files > 5 && found.entries == last)
        let records = try scratch.records()
        #expect(records.map(\.sequence) == Array(1...last))
        #expect(records.filter { $0.entry.type == .egress }.map(\.entry.details) == (0..<90).map { Scratch.entry($0).details })
        #expect(records[0].entry.type == .begin)
        // A further file names the one before it and its last code.
        let names = try scratch.logs()
        for (previous, name) in zip(names, names.dropFirst()) {
            let first = try #require(try scratch.lines(name).first?.withUnsafeBytes { AuditRecord(line: $0) })
            let last = try #require(try scratch.lines(previous).last?.withUnsafeBytes { AuditRecord(line: $0) })
            #expect(first.entry.type == .rotate && first.previous == last.code && first.sequence == last.sequence + 1)
            #expect(first.entry.details.first == AuditDetail("previous", previous))
            #expect(first.entry.details.last == AuditDetail("mac", last.code))
        }
    }

    @Test("many threads of one process")
    func threads() throws {
        let scratch = try Scratch()
        let log = try AuditLog(directory: scratch.log, limits: AuditLimits(fileSize: 50_000))
        let next = Atomic<Int>(0)
        let failures = Mutex<[String]>([])
        ParallelWork.run(threads: 8) {
            let thread = next.wrappingAdd(1, ordering: .relaxed).oldValue
            do {
                for number in 1...100 { try log.append(Scratch.entry(number, session: "t\(thread)"), durable: number % 20 == 0) }
            } catch { failures.withLock { $0.append("\(error)") } }
        }
        #expect(failures.withLock { $0 }.isEmpty)
        #expect(try scratch.verify().isIntact)
        for thread in 0..<8 {
            let numbers = try scratch.records(AuditQuery(session: "t\(thread)")).compactMap { $0.entry.details.last?.value }
            #expect(numbers == (1...100).map { .integer($0) })
        }
    }

    @Test("the asynchronous writer acknowledges in order, by a descriptor for poll(2), and blocks nobody's signals")
    func asynchronous() throws {
        for acknowledge in [AuditWriter.Acknowledgement.durable, .written] {
            let scratch = try Scratch()
            let before = WritingTests.blockedSignals()
            let writer = try AuditWriter(log: AuditLog(directory: scratch.log), acknowledge: acknowledge)
            #expect(WritingTests.blockedSignals() == before)
            #expect(try writer.acknowledged() == 0)
            for number in 1...1000 { #expect(try writer.submit(Scratch.entry(number)) == UInt64(number)) }
            var seen: UInt64 = 0
            while seen < 1000 {
                var watched = pollfd(fd: writer.descriptor, events: Int16(POLLIN), revents: 0)
                #expect(poll(&watched, 1, 60_000) == 1)
                let now = try writer.acknowledged()
                #expect(now >= seen)
                // What is acknowledged can be read.
                #expect(try scratch.records(AuditQuery(session: "s1", last: 1)).last.map { $0.sequence > now } == true)
                seen = now
            }
            #expect(writer.pending == 0)
            try writer.close()
            #expect(throws: CoopError.self) { try writer.submit(Scratch.entry(1)) }
            let mark = try SnapshotMark(scratch)
            #expect(mark.synced == mark.tip, "closing makes everything durable")
            #expect(try scratch.verify().isIntact)
        }
    }

    private static func blockedSignals() -> [Int32] {
        var mask = sigset_t()
        pthread_sigmask(SIG_SETMASK, nil, &mask)
        return (1...64).filter { sigismember(&mask, $0) == 1 }
    }

    @Test("a writer that is dropped writes what was submitted")
    func dropped() throws {
        let scratch = try Scratch()
        for round in 1...20 {
            let writer = try AuditWriter(log: AuditLog(directory: scratch.log))
            for number in 1...round { _ = try writer.submit(Scratch.entry(number)) }
        }
        #expect(try scratch.records(AuditQuery(session: "s1")).count == 210)
    }

    /// What the two kept files say.
    private struct SnapshotMark {
        var tip: ChainPosition?
        var synced: ChainPosition?

        init(_ scratch: Scratch) throws {
            let snapshot = try LogSnapshot(path: scratch.log)
            tip = snapshot?.tip?.position
            synced = snapshot?.synced?.position
        }
    }

    @Test("one process's fdatasync acknowledges what the others have written")
    func sharedSync() throws {
        let scratch = try Scratch()
        let first = try AuditLog(directory: scratch.log)
        let second = try AuditLog(directory: scratch.log)
        var batch = EncodedBatch()
        first.encode(Scratch.entry(1), into: &batch)
        let early = try first.commit(batch)
        try second.append(Scratch.entry(2), durable: true)
        #expect(try SnapshotMark(scratch).synced?.sequence == 3)
        // Nothing is left to do: it returns although its file cannot be synced.
        let nothing = try Descriptor.open("/dev/null", O_RDONLY)
        try first.sync(AuditLog.Written(position: early.position, file: nothing))
        try first.append(Scratch.entry(3))
        var further = early.position
        further.sequence = 4
        #expect(throws: CoopError.self) { try first.sync(AuditLog.Written(position: further, file: nothing)) }
    }
}
