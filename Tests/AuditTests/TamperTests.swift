import Glibc
import LinuxKernel
import Testing

@testable import Audit

/// Whatever is done to the files of a log is found, and the first bad line is named.
@Suite struct TamperTests {
    /// Line 1 is the log's own first entry; line n holds entry n.
    private func damaged(
        _ count: Int = 60, limits: AuditLimits = AuditLimits(), _ change: (Scratch) throws -> Void
    ) throws -> AuditDamage? {
        let scratch = try Scratch()
        try scratch.fill(count, limits: limits)
        #expect(try scratch.verify().damage == nil)
        try change(scratch)
        // However the work is divided, the answer is the same.
        let found = try scratch.verify()
        for unitSize: UInt64 in [1, 300, 1000, 4096] { #expect(try scratch.verify(unitSize: unitSize) == found, "\(unitSize)") }
        return found.damage
    }

    @Test("an untouched log is intact, whole and empty ones as well")
    func intact() throws {
        let scratch = try Scratch()
        #expect(try scratch.verify() == AuditVerification(entries: 0, files: 0, bytes: 0, notes: []))
        _ = try AuditLog(directory: scratch.log)
        #expect(try scratch.verify().isIntact)
        try scratch.fill(25)
        let found = try scratch.verify()
        #expect(found.isIntact && found.entries == 26 && found.files == 1 && found.notes.isEmpty)
    }

    @Test("a changed byte, anywhere in a line", arguments: [1, 2, 30, 60, 61])
    func edited(_ line: Int) throws {
        let length = try Scratch().fill(60).lineLength(line)
        for place in stride(from: 0, to: length, by: 7) {
            let damage = try damaged { scratch in
                try scratch.edit { lines in
                    let index = min(place, lines[line - 1].count - 1)
                    // A line break would be an insertion.
                    lines[line - 1][index] = lines[line - 1][index] == 0x7A ? 0x79 : lines[line - 1][index] &+ 1 | 0x20
                }
            }
            #expect(damage?.kind == .edited && damage?.place == "audit-000001.jsonl:\(line)", "\(place): \(String(describing: damage))")
        }
    }

    @Test("a deleted line", arguments: [1, 2, 30, 60])
    func deleted(_ line: Int) throws {
        let damage = try damaged { try $0.edit { $0.remove(at: line - 1) } }
        #expect(damage?.kind == .deleted && damage?.place == "audit-000001.jsonl:\(line)", "\(String(describing: damage))")
        #expect(damage?.detail == "1 entry is missing after entry \(line - 1)")
    }

    @Test("several deleted lines")
    func deletedSeveral() throws {
        let damage = try damaged { try $0.edit { $0.removeSubrange(20..<40) } }
        #expect(damage?.kind == .deleted && damage?.line == 21 && damage?.detail == "20 entries are missing after entry 20")
    }

    @Test("an inserted line: foreign, empty, a copy, one with the right number", arguments: [1, 2, 30, 61, 62])
    func inserted(_ line: Int) throws {
        for forged: (([[UInt8]]) -> [UInt8]) in [
            { _ in Array("hello".utf8) }, { _ in [] }, { $0[10] }, { line > 1 ? $0[line - 2] : [0x7B] },
            { lines in Array(String(decoding: lines[5], as: UTF8.self).replacing("\"seq\":6,", with: "\"seq\":\(line),").utf8) },
        ] {
            let damage = try damaged { scratch in
                var bytes: [UInt8] = []
                var lines = try scratch.lines()
                lines.insert(forged(lines), at: line - 1)
                for line in lines { bytes += line + [0x0A] }
                try scratch.write("audit-000001.jsonl", bytes)
            }
            // A copy of a later entry in an earlier place is found there.
            let isLater = line <= 10 && damage?.kind == .reordered || damage?.kind == .deleted
            #expect(damage?.kind == .inserted || isLater, "\(String(describing: damage))")
            #expect(damage?.place == "audit-000001.jsonl:\(line)", "\(String(describing: damage))")
        }
    }

    @Test("lines in another order")
    func reordered() throws {
        for (first, second) in [(4, 5), (0, 1), (3, 50), (59, 60)] {
            let damage = try damaged { try $0.edit { $0.swapAt(first, second) } }
            #expect(damage?.kind == .reordered && damage?.line == UInt64(first) + 1, "\(String(describing: damage))")
        }
        let moved = try damaged { try $0.edit { $0.append($0.remove(at: 10)) } }
        #expect(moved?.kind == .reordered && moved?.line == 11)
    }

    @Test("a cut end, at a line and within one", arguments: [1, 2, 30, 59, 60])
    func truncated(_ kept: Int) throws {
        let damage = try damaged { try $0.edit { $0.removeSubrange(kept...) } }
        #expect(damage?.kind == .truncated && damage?.line == UInt64(kept) + 1, "\(String(describing: damage))")
        let torn = try damaged { scratch in
            let lines = try scratch.lines()
            try scratch.write("audit-000001.jsonl", Array(lines[0..<kept].flatMap { $0 + [0x0A] } + lines[kept].dropLast(5)))
        }
        #expect(torn?.kind == .truncated && torn?.line == UInt64(kept) + 1, "\(String(describing: torn))")
    }

    @Test("an emptied log, a removed log")
    func emptied() throws {
        #expect(try damaged { try $0.write("audit-000001.jsonl", []) }?.kind == .truncated)
        #expect(try damaged { try FileSystem.removeFile($0.file("audit-000001.jsonl")) }?.kind == .truncated)
    }

    @Test("the kept tip: removed, edited, or the tip of a moment ago with the log of that moment")
    func tip() throws {
        for name in ["tip", "synced"] {
            let removed = try damaged { try FileSystem.removeFile($0.file(name)) }
            #expect(removed?.kind == .truncated && removed?.place == name)
            let edited = try damaged { scratch in
                var bytes = try scratch.read(name)
                bytes[20] ^= 1
                try scratch.write(name, bytes)
            }
            #expect(edited?.kind == .edited && edited?.place == name)
            #expect(try damaged { try $0.write(name, []) }?.kind == .edited)
        }
        #expect(try damaged { try $0.write("tip", $0.read("synced")) }?.kind == .edited, "one does not stand in for the other")
    }

    @Test("another key")
    func key() throws {
        let replaced = try damaged { try $0.write("key", ChainKey.random()) }
        #expect(replaced?.kind == .wrongKey && replaced?.place == "audit-000001.jsonl:1")
        let removed = try damaged { try FileSystem.removeFile($0.file("key")) }
        #expect(removed?.kind == .wrongKey && removed?.place == "key")
    }

    @Test("files that are swapped, removed, added or cut")
    func files() throws {
        let limits = AuditLimits(fileSize: 4000)
        let names = ["audit-000002.jsonl", "audit-000003.jsonl"]
        let swapped = try damaged(limits: limits) { scratch in
            let first = try scratch.read(names[0])
            try scratch.write(names[0], scratch.read(names[1]))
            try scratch.write(names[1], first)
        }
        #expect(swapped?.kind == .reordered && swapped?.place == "audit-000002.jsonl:1")
        for name in ["audit-000001.jsonl", "audit-000003.jsonl"] {
            let removed = try damaged(limits: limits) { try FileSystem.removeFile($0.file(name)) }
            #expect(removed?.kind == .deleted && removed?.place == name)
        }
        let last = try damaged(limits: limits) { scratch in
            try FileSystem.removeFile(scratch.file(scratch.logs().last ?? ""))
        }
        #expect(last?.kind == .truncated)
        let added = try damaged(limits: limits) { scratch in
            let next = AuditDirectory.logName(UInt32(try scratch.logs().count) + 1)
            try scratch.write(next, scratch.read("audit-000001.jsonl"))
        }
        #expect(added?.kind == .inserted && added?.line == 1)
        let cut = try damaged(limits: limits) { try $0.edit("audit-000002.jsonl") { $0.removeLast() } }
        #expect(cut?.kind == .deleted && cut?.place == "audit-000003.jsonl:1")
        let torn = try damaged(limits: limits) { try $0.write("audit-000002.jsonl", $0.read("audit-000002.jsonl").dropLast(3)) }
        #expect(torn?.kind == .torn && torn?.file == "audit-000002.jsonl")
    }

    @Test("an entry of another log with the same number")
    func foreign() throws {
        let other = try Scratch()
        try other.fill(60)
        let damage = try damaged { scratch in
            let foreign = try other.lines()[20]
            try scratch.edit { $0[20] = foreign }
        }
        #expect(damage?.kind == .edited && damage?.line == 21)
    }

    @Test("two halves of a history that was written twice with the same key")
    func forked() throws {
        let scratch = try Scratch()
        try scratch.fill(20)
        let copy = try Scratch()
        try FileSystem.makeDirectories(copy.log)
        for name in try FileSystem.list(scratch.log) { try copy.write(name, scratch.read(name)) }
        try scratch.fill(20)
        // Entries of the same millisecond with the same content would be the same history.
        try copy.fill(20, session: "s2")
        #expect(try copy.verify().isIntact)
        let other = try copy.lines()
        try scratch.edit { $0[30...] = other[30...] }
        let damage = try scratch.verify().damage
        #expect(damage?.kind == .edited && damage?.line == 31, "\(String(describing: damage))")
    }

    @Test("a log that was altered is not written to any more, and stays as it is")
    func refused() throws {
        let changes: [(Scratch) throws -> Void] = [
            { try $0.edit { $0.removeLast() } }, { try $0.write("tip", []) }, { try FileSystem.removeFile($0.file("key")) },
            { try $0.write("audit-000001.jsonl", $0.read() + Array("{\"seq\":62}\n".utf8)) },
            { try FileSystem.removeFile($0.file("audit-000001.jsonl")) }, { try FileSystem.removeFile($0.file("tip")) },
            { try $0.write("audit-000002.jsonl", $0.read()) }, { try $0.write("audit-000002.jsonl", []) },
        ]
        for (index, change) in changes.enumerated() {
            let scratch = try Scratch()
            try scratch.fill(60)
            try change(scratch)
            let before = try scratch.logs().map { try scratch.read($0) }
            #expect("\(index)") {
                let log = try AuditLog(directory: scratch.log)
                try log.append(Scratch.entry(1))
            } throws: { error in
                "\(error)".hasPrefix("the audit log is not as coop left it: ")
            }
            #expect(try scratch.logs().map { try scratch.read($0) } == before)
            #expect(try scratch.verify().damage != nil, "\(index)")
        }
    }
}

extension AuditLog {
    /// How long a line of a log with short entries is at least.
    fileprivate func lineLength(_ line: Int) -> Int { line == 1 ? 220 : 300 }
}
