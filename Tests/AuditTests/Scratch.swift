import Glibc
import LinuxKernel

@testable import Audit

/// A directory of one test, with a log in it; it goes when the test ends.
final class Scratch {
    let path: String
    var log: String { path + "/audit" }

    init() throws {
        var template = Array("/tmp/coop-audit-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        path = String(osBytes: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)))
    }

    deinit { try? FileSystem.removeTree(path) }

    func file(_ name: String) -> String { log + "/" + name }

    func read(_ name: String = "audit-000001.jsonl") throws -> [UInt8] { try FileSystem.read(file(name)) }

    /// Writes a file anew, under the same inode, as an editor or a shell would.
    func write(_ name: String = "audit-000001.jsonl", _ bytes: [UInt8]) throws {
        try Descriptor.open(file(name), O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600).writeAll(bytes)
    }

    func lines(_ name: String = "audit-000001.jsonl") throws -> [[UInt8]] {
        try read(name).split(separator: 0x0A).map(Array.init)
    }

    func write(_ name: String = "audit-000001.jsonl", lines: [[UInt8]]) throws {
        try write(name, lines.flatMap { $0 + [0x0A] })
    }

    /// Changes the lines of a file.
    func edit(_ name: String = "audit-000001.jsonl", _ change: (inout [[UInt8]]) -> Void) throws {
        var lines = try lines(name)
        change(&lines)
        try write(name, lines: lines)
    }

    /// Makes a log of so many entries of the callers', in batches of ten.
    @discardableResult
    func fill(_ count: Int, session: String = "s1", limits: AuditLimits = AuditLimits()) throws -> AuditLog {
        let log = try AuditLog(directory: log, limits: limits)
        for start in stride(from: 1, through: count, by: 10) {
            var batch = EncodedBatch()
            for number in start...min(count, start + 9) { log.encode(Scratch.entry(number, session: session), into: &batch) }
            try log.sync(log.commit(batch))
        }
        return log
    }

    static func entry(_ number: Int, session: String = "s1") -> AuditEntry {
        AuditEntry(.egress, session: session, details: [AuditDetail("host", "host-\(number).example"), AuditDetail("number", number)])
    }

    func verify(unitSize: UInt64 = 8 << 20) throws -> AuditVerification {
        try AuditVerifier(directory: log, threads: 2, unitSize: unitSize).verify()
    }

    func records(_ query: AuditQuery = AuditQuery()) throws -> [AuditRecord] {
        var result: [AuditRecord] = []
        try AuditReader(directory: log).read(query) { result.append($0) }
        return result
    }

    /// The files of the log itself.
    func logs() throws -> [String] { try FileSystem.list(log).filter { $0.hasSuffix(".jsonl") && $0.hasPrefix("audit-") }.sorted() }
}
