import CoopErrors
import LinuxKernel
import Testing

@testable import Audit

@Suite struct ReadingTests {
    /// A log with three sessions, two types and a time that goes on by a second an entry.
    private func log(_ count: Int, fileSize: Int = 8000) throws -> Scratch {
        let scratch = try Scratch()
        let log = try AuditLog(directory: scratch.log, limits: AuditLimits(fileSize: fileSize))
        for number in 0..<count {
            try log.append(
                AuditEntry(
                    number % 2 == 0 ? .egress : .trust, session: "s\(number % 3)", time: AuditTime(milliseconds: Int64(number) * 1000),
                    details: [AuditDetail("number", number)]))
        }
        return scratch
    }

    private func numbers(_ records: [AuditRecord]) -> [Int64] {
        records.compactMap { record in
            guard record.entry.details.first?.name == "number", case .integer(let number)? = record.entry.details.first?.value else {
                return nil
            }
            return number
        }
    }

    @Test("filters by session, type and time, together and apart")
    func filters() throws {
        let scratch = try log(100)
        #expect(try numbers(scratch.records(AuditQuery(types: [.egress, .trust]))) == Array(0..<100))
        #expect(try numbers(scratch.records(AuditQuery(session: "s1"))) == Array(stride(from: 1, to: 100, by: 3)))
        #expect(try numbers(scratch.records(AuditQuery(types: [.trust]))) == Array(stride(from: 1, to: 100, by: 2)))
        let since = AuditTime(milliseconds: 20_000)
        let until = AuditTime(milliseconds: 30_000)
        #expect(try numbers(scratch.records(AuditQuery(since: since, until: until))) == Array(20..<30))
        #expect(try numbers(scratch.records(AuditQuery(session: "s2", types: [.egress], since: since, until: until))) == [20, 26])
    }

    @Test("the newest N, over files and filters, without reading the rest", arguments: [0, 1, 2, 19, 20, 99, 100, 5000])
    func last(_ count: Int) throws {
        let scratch = try log(100)
        #expect(try scratch.logs().count > 3)
        #expect(try numbers(scratch.records(AuditQuery(types: [.egress, .trust], last: count))) == Array(Int64(max(0, 100 - count))..<100))
        #expect(
            try numbers(scratch.records(AuditQuery(session: "s0", types: [.egress, .trust], last: count)))
                == Array(stride(from: Int64(0), to: 100, by: 3).suffix(count)))
    }

    @Test("reading backwards gives the same as forwards for files of any length")
    func backwards() throws {
        let scratch = try Scratch()
        let log = try AuditLog(directory: scratch.log)
        for number in 0..<40 {
            try log.append(
                AuditEntry(.egress, details: (0...number % 6).map { AuditDetail("d\($0)", String(repeating: "x", count: 2000)) }))
        }
        let all = try scratch.records()
        for count in 0...41 { #expect(try scratch.records(AuditQuery(last: count)) == Array(all.suffix(count))) }
    }

    @Test("export as JSON lines is the log itself, byte by byte")
    func jsonl() throws {
        let scratch = try log(100)
        var exported: [UInt8] = []
        #expect(try AuditExport(directory: scratch.log, format: .jsonl).write(AuditQuery()) { exported += $0 } == 0)
        #expect(try exported == scratch.logs().flatMap { try scratch.read($0) })
    }

    @Test("export as CSV: one record an entry, nothing that a spreadsheet would take for a formula")
    func csv() throws {
        let scratch = try Scratch()
        let log = try AuditLog(directory: scratch.log)
        try log.append(AuditEntry(.egress, session: "=cmd|'/c calc'!A1", details: [AuditDetail("path", "/a,b\"c\r\nd")]))
        try log.append(AuditEntry(AuditEntryType(rawValue: "@x"), session: "+1", details: []))
        var text = ""
        try AuditExport(directory: scratch.log, format: .csv).write(AuditQuery(types: [.egress, AuditEntryType(rawValue: "@x")])) {
            text += String(decoding: $0, as: UTF8.self)
        }
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4 && lines[3] == "" && lines[0] == "seq,at,session,type,details,prev,mac")
        #expect(lines[1].contains(",'=cmd|'/c calc'!A1,egress,\"{\"\"path\"\":\"\"/a,b\\\"\"c\\r\\nd\"\"}\","), "\(lines[1])")
        #expect(lines[2].contains(",'+1,'@x,{},"), "\(lines[2])")
    }

    @Test("lines that coop did not write are left out and counted; no log is an empty one")
    func unreadable() throws {
        let scratch = try log(5)
        try scratch.edit { lines in
            lines[2] = Array("{\"seq\":3}\u{1B}[2J".utf8)
            lines.append([])
        }
        var count = 0
        #expect(try AuditReader(directory: scratch.log).read(AuditQuery()) { _ in count += 1 } == 2)
        #expect(count == 5)
        #expect(try AuditReader(directory: scratch.path + "/none").read(AuditQuery()) { _ in } == 0)
        #expect(try AuditVerifier(directory: scratch.path + "/none").verify().isIntact)
    }

    @Test("an error of the caller's ends the reading")
    func stops() throws {
        let scratch = try log(50)
        var count = 0
        #expect(throws: CoopError.self) {
            try AuditReader(directory: scratch.log).read(AuditQuery()) { _ throws(CoopError) in
                count += 1
                if count == 7 { throw CoopError(.failed, "enough", "") }
            }
        }
        #expect(count == 7)
    }
}
