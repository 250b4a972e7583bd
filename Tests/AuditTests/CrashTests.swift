import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import Audit

/// What a killed process or a machine that stops leaves behind is put in order by rule, and nothing that was acknowledged is lost.
@Suite(.serialized) struct CrashTests {
    /// The program of the benchmark, which is a writer as well.
    static func program() throws -> String {
        var directory = FileSystem.readLink("/proc/self/exe").map { FileSystem.parent(of: $0) } ?? "/"
        if let bundle = CommandLine.arguments.first(where: { $0.hasSuffix(".xctest") }) { directory = FileSystem.parent(of: bundle) }
        for place in [directory, FileSystem.normalize(#filePath + "/../../..") + "/.build/debug"] {
            let path = place + "/audit-benchmark"
            if FileSystem.isExecutable(path) { return path }
        }
        throw TestSupportError("audit-benchmark is not in \(directory): swift build")
    }

    @Test("eight writers that are killed at random: the chain holds, and what was acknowledged is in it")
    func killed() throws {
        let scratch = try Scratch()
        let program = try CrashTests.program()
        var random = SeededGenerator(7)
        var acknowledged: [String: UInt64] = [:]
        var sessions = 0
        var running: [(session: String, process: ChildProcess, limit: Int)] = []
        func start() throws {
            sessions += 1
            let session = "w\(sessions)"
            running.append(
                (
                    session,
                    try ChildProcess([
                        program, "writer", "--directory", scratch.log, "--session", session, "--outstanding", "64", "--entries",
                        "100000000",
                        "--file-size", "60000", "--talkative", "1",
                    ]), Int.random(in: 0...20, using: &random)
                ))
        }
        for _ in 0..<8 { try start() }
        while !running.isEmpty {
            let index = Int.random(in: 0..<running.count, using: &random)
            let (session, process, limit) = running.remove(at: index)
            // After so many acknowledgements, wherever the others are meanwhile.
            try process.waitUntil { $0.outputText.split(separator: "\n").count >= limit }
            process.signal(SIGKILL)
            let outcome = try process.wait()
            #expect(outcome.signal == SIGKILL, "\(outcome)")
            let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            acknowledged[session] = lines.last.flatMap { UInt64($0.split(separator: " ").last ?? "") } ?? 0
            if sessions % 4 == 0 { #expect(try scratch.verify().damage == nil) }
            if sessions < 20 { try start() }
        }
        // The next writer finds it in order.
        try AuditLog(directory: scratch.log).append(Scratch.entry(1), durable: true)
        let found = try scratch.verify()
        #expect(found.damage == nil && found.notes.isEmpty && found.files > 1, "\(found)")
        var last: [String: UInt64] = [:]
        for record in try scratch.records() {
            guard case .integer(let number)? = record.entry.details.last?.value, record.entry.session.hasPrefix("w") else { continue }
            #expect(UInt64(number) == (last[record.entry.session] ?? 0) + 1)
            last[record.entry.session] = UInt64(number)
        }
        for (session, number) in acknowledged { #expect((last[session] ?? 0) >= number, "\(session)") }
        #expect(acknowledged.values.reduce(0, +) > 500)
    }

    /// A log whose tip is older than its end: what a kill between the lines and the tip leaves.
    private func withOldTip() throws -> Scratch {
        let scratch = try Scratch()
        let log = try scratch.fill(20)
        let tip = try scratch.read("tip")
        for number in 21...25 { try log.append(Scratch.entry(number)) }
        try scratch.write("tip", tip)
        return scratch
    }

    @Test("killed between the lines and the tip: whole lines are adopted")
    func oldTip() throws {
        let scratch = try withOldTip()
        #expect(try scratch.verify().isIntact)
        #expect(try AuditLog(directory: scratch.log).append(Scratch.entry(26)) == 27)
        #expect(try scratch.verify() == AuditVerification(entries: 27, files: 1, bytes: UInt64(scratch.read().count), notes: []))
    }

    @Test("killed within a line: it is cut off and that is recorded", arguments: [1, 2, 100, 250])
    func tornByKill(_ cut: Int) throws {
        let scratch = try withOldTip()
        try scratch.write("audit-000001.jsonl", scratch.read().dropLast(cut))
        let found = try scratch.verify()
        #expect(found.isIntact && found.entries == 25 && found.notes.count == 1, "\(found)")
        #expect(try AuditLog(directory: scratch.log).append(Scratch.entry(26)) == 27)
        let records = try scratch.records()
        #expect(records[25].entry.type == .recovery && records[26].entry.details == Scratch.entry(26).details)
        let after = try scratch.verify()
        #expect(after.isIntact && after.entries == 27 && after.notes.isEmpty)
    }

    @Test("killed between a further file and the tip")
    func tornRotation() throws {
        let scratch = try Scratch()
        let log = try AuditLog(directory: scratch.log, limits: AuditLimits(fileSize: 2000))
        while try scratch.logs().count < 3 {
            let tip = scratch.log.isEmpty || FileSystem.kind(scratch.file("tip")) == nil ? [] : try scratch.read("tip")
            let count = try scratch.logs().count
            try log.append(Scratch.entry(1))
            guard count > 0, try scratch.logs().count > count else { continue }
            // Only the first line of the new file was written, and not the tip.
            let name = try scratch.logs().last ?? ""
            try scratch.edit(name) { $0.removeLast() }
            try scratch.write("tip", tip)
            #expect(try scratch.verify().isIntact)
            try scratch.write("next", Array("half a li".utf8))
            try log.append(Scratch.entry(2))
            #expect(try scratch.verify().isIntact)
        }
        #expect(try scratch.records().filter { $0.entry.type == .rotate }.count == 2)
    }

    @Test("a creation that was interrupted is begun again; a whole log is never made anew")
    func creation() throws {
        for present in [["lock"], ["lock", "synced"], ["lock", "synced", "tip"], ["lock", "synced", "tip", "key.new"]] {
            let scratch = try Scratch()
            _ = try AuditLog(directory: scratch.log)
            try FileSystem.rename(scratch.file("key"), to: scratch.file("key.new"))
            for name in try FileSystem.list(scratch.log) where !present.contains(name) { try FileSystem.removeFile(scratch.file(name)) }
            #expect(try scratch.verify().isIntact)
            try AuditLog(directory: scratch.log).append(Scratch.entry(1))
            #expect(try scratch.verify().entries == 2)
        }
    }

    /// Writes `tip` as if the machine had been started again since, with the position that it has.
    private func pretendRestart(_ scratch: Scratch) throws {
        let key = ChainKey(try scratch.read("key"))
        let record = try #require(try scratch.read("tip").withUnsafeBytes { TipRecord($0, .tip, key: key) })
        let old = TipRecord(position: record.position, boot: "00000000-0000-0000-0000-000000000000")
        try scratch.write("tip", old.encoded(.tip, key: key))
    }

    @Test("after a power failure entries beyond the synced mark may be missing or broken, and no others")
    func powerFailure() throws {
        for (kept, tail) in [(25, 0), (24, 0), (21, 0), (23, 40), (22, 4096)] {
            let scratch = try Scratch()
            let log = try scratch.fill(20)
            for number in 21...24 { try log.append(Scratch.entry(number)) }
            try pretendRestart(scratch)
            let lines = try scratch.lines()
            try scratch.write(
                "audit-000001.jsonl", lines[0..<kept].flatMap { $0 + [0x0A] } + [UInt8](repeating: tail > 100 ? 0 : 0x0A, count: tail))
            let found = try scratch.verify()
            #expect(found.isIntact && found.entries == UInt64(kept), "\(found)")
            #expect(found.notes.count == (kept < 25 ? 1 : 0) + (tail > 0 ? 1 : 0), "\(found.notes)")
            try AuditLog(directory: scratch.log).append(Scratch.entry(99), durable: true)
            let after = try scratch.verify()
            #expect(after.isIntact && after.notes.isEmpty, "\(after)")
            let records = try scratch.records()
            #expect(records.filter { $0.entry.type == .recovery }.count == (kept < 25 ? 1 : 0))
            #expect(records.last?.entry.details == Scratch.entry(99).details)
            let aside = try FileSystem.list(scratch.log).filter { $0.hasPrefix("cut-") }
            #expect(try aside.map { try scratch.read($0).count } == (tail > 0 ? [tail] : []), "what was cut off is kept")
        }
    }

    @Test("after a restart entries that were on the disk must be there")
    func truncatedAfterRestart() throws {
        let scratch = try Scratch()
        let log = try scratch.fill(20)
        for number in 21...24 { try log.append(Scratch.entry(number)) }
        try pretendRestart(scratch)
        try scratch.edit { $0.removeSubrange(20...) }
        #expect(try scratch.verify().damage?.kind == .truncated)
        #expect(throws: (any Error).self) { try AuditLog(directory: scratch.log).append(Scratch.entry(1)) }
    }
}
