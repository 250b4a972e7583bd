import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct AuditCommandTests {
    private static let asking = "name = \"x\"\n[sandbox]\nmounts = [\"/opt:/asked:ro\"]\n"

    private struct Shown: Decodable {
        struct Entry: Decodable {
            var seq: Int
            var at: String
            var session: String
            var type: String
            var prev: String
            var mac: String
        }
        var version: Int
        var unreadable: Int
        var entries: [Entry]
    }

    private struct Verified: Decodable {
        struct Damage: Decodable {
            var kind: String
            var file: String
            var line: Int?
            var detail: String
        }
        var version: Int
        var intact: Bool
        var entries: Int
        var damage: Damage?
    }

    /// A project whose approval was given and taken back, three times.
    private func place(_ identity: TestIdentity = anyone) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", AuditCommandTests.asking)
        for _ in 0..<3 {
            try place.coop(["trust", "--yes"]).expectSuccess()
            try place.coop(["trust", "--revoke"]).expectSuccess()
        }
        return place
    }

    private func log(_ place: Sandboxed) -> String { place.coopHome + "/audit/audit-000001.jsonl" }

    @Test("approvals and their end are recorded, with what was approved", arguments: TestIdentity.all)
    func trust(_ identity: TestIdentity) throws {
        let place = try place(identity)
        let output = try place.coop(["audit", "show"]).output
        let lines = output.split(separator: "\n")
        #expect(lines.count == 8 && lines[0].hasPrefix("SEQ  TIME"), "\(output)")
        #expect(lines[1].contains(" begin ") && lines[1].contains("format=1"))
        #expect(
            lines[2].contains(" trust ") && lines[2].contains("change=approved")
                && lines[2].contains("items=[\"mount /opt read-only at /asked\"]"))
        #expect(lines[3].contains("change=revoked"))
        #expect(try place.coop(["audit", "verify"]).output == "The audit log is intact: 7 entries in 1 file.\n")
        #expect(try place.coop(["trust", "--revoke"]).output == "Nothing was approved.\n")
        #expect(try place.coop(["audit", "verify"]).output == "The audit log is intact: 7 entries in 1 file.\n")
    }

    @Test("without a log nothing is made and nothing is wrong")
    func empty() throws {
        let place = try Sandboxed(anyone)
        #expect(try place.coop(["audit", "verify"]).output == "Nothing has been recorded yet.\n")
        #expect(try place.coop(["audit", "show", "--json"]).json(Shown.self).entries.isEmpty)
        #expect(try place.coop(["audit", "export"]).output == "")
        #expect(try FileSystem.list(place.coopHome).isEmpty)
    }

    @Test("show takes the newest N, a session, a type, a time; --json is the log's own entries")
    func show() throws {
        let place = try place()
        let all = try place.coop(["audit", "show", "--json"]).json(Shown.self)
        #expect(all.version == 1 && all.unreadable == 0 && all.entries.map(\.seq) == Array(1...7))
        #expect(zip(all.entries, all.entries.dropFirst()).allSatisfy { $0.mac == $1.prev })
        func numbers(_ options: String...) throws -> [Int] {
            try place.coop(["audit", "show", "--json"] + options).json(Shown.self).entries.map(\.seq)
        }
        #expect(try numbers("-n", "2") == [6, 7] && numbers("-n", "0") == [] && numbers("--type", "begin") == [1])
        #expect(try numbers("--type", "begin", "--type", "trust") == Array(1...7) && numbers("--session", "none") == [])
        #expect(try numbers("--since", "2020-01-01") == Array(1...7) && numbers("--until", "2020-01-01T00:00:00Z") == [])
        for wrong in [["-n", "-1"], ["-n", "x"], ["--since", "yesterday"], ["extra"]] {
            try place.coop(["audit", "show"] + wrong).expectError(2, next: "coop audit show --help")
        }
    }

    @Test("export writes the log byte by byte, or CSV, and never over a file")
    func export() throws {
        let place = try place()
        let bytes = try FileSystem.read(log(place))
        #expect(try place.coop(["audit", "export"]).outputBytes == bytes)
        try place.coop(["audit", "export", "--output", "out.jsonl"]).expectSuccess()
        #expect(try FileSystem.read(place("out.jsonl")) == bytes)
        try place.coop(["audit", "export", "-o", "out.jsonl"]).expectError(1, "cannot write the export", "File exists")
        try place.coop(["audit", "export", "-o", log(place)]).expectError(1, "cannot write the export", "File exists")
        #expect(try FileSystem.read(log(place)) == bytes)
        let csv = try place.coop(["audit", "export", "--format", "csv", "--type", "trust"]).output
        #expect(csv.split(separator: "\r\n").count == 7 && csv.hasPrefix("seq,at,session,type,details,prev,mac\r\n"))
        try place.coop(["audit", "export", "--format", "xml"]).expectError(2)
        #expect(try place.outside(["/bin/sh", "-c", "\(try BuiltPrograms.coop()) audit export > /dev/full"]).exitCode == 1)
    }

    @Test("verify names the line, ends with 1, and what must be recorded is refused until the log is moved away")
    func damaged() throws {
        let place = try place()
        let file = log(place)
        let good = try FileSystem.read(file)
        var lines = good.split(separator: 0x0A).map(Array.init)
        lines.remove(at: 3)
        try place.write(file, String(decoding: lines.flatMap { $0 + [0x0A] }, as: UTF8.self), mode: 0o600)
        let directory = place.coopHome + "/audit"
        try place.coop(["audit", "verify"]).expectError(
            1, "audit-000001.jsonl:4: deleted: 1 entry is missing after entry 3", next: "mv \(directory) \(directory).damaged")
        let outcome = try place.coop(["audit", "verify", "--json"])
        let found = try outcome.json(Verified.self)
        #expect(outcome.exitCode == 1 && !found.intact && found.entries == 3 && found.damage?.kind == "deleted" && found.damage?.line == 4)
        try place.coop(["trust", "--yes"]).expectError(1, "the audit log is not as coop left it", next: "coop audit verify")
        #expect(try place.run(["true"]).exitCode == 126, "nothing was approved")
        try FileSystem.rename(directory, to: directory + ".damaged")
        try place.coop(["trust", "--yes"]).expectSuccess()
        #expect(try place.coop(["audit", "verify", "--json"]).json(Verified.self).intact)
    }

    /// What somebody does to seven lines, and the line that is the first bad one.
    private static let tampering: [(String, Int, @Sendable (inout [[UInt8]]) -> Void)] = [
        ("edit", 3, { $0[2][$0[2].count / 2] ^= 1 }), ("deletion", 5, { $0.remove(at: 4) }),
        ("insertion", 4, { $0.insert($0[1], at: 3) }), ("reordering", 2, { $0.swapAt(1, 2) }), ("truncation", 6, { $0.removeLast(2) }),
        ("cut line", 7, { $0[6].removeLast(10) }),
    ]

    @Test("verify names the first bad line", arguments: tampering.indices)
    func tampered(_ index: Int) throws {
        let (name, line, change) = Self.tampering[index]
        let place = try place()
        let file = log(place)
        var lines = try FileSystem.read(file).split(separator: 0x0A).map(Array.init)
        #expect(lines.count == 7)
        change(&lines)
        try place.write(file, String(decoding: lines.flatMap { $0 + [0x0A] }, as: UTF8.self), mode: 0o600)
        let outcome = try place.coop(["audit", "verify"])
        #expect(outcome.exitCode == 1 && outcome.error.contains("audit-000001.jsonl:\(line): "), "\(name): \(outcome)")
    }

    @Test("a log that others may read is refused with the command that helps; taking back an approval works all the same")
    func open() throws {
        let place = try place()
        try place.coop(["trust", "--yes"]).expectSuccess()
        let key = place.coopHome + "/audit/key"
        #expect(chmod(key, 0o644) == 0)
        for command in [["audit", "show"], ["audit", "verify"], ["trust", "--revoke"]] {
            try place.coop(command).expectError(3, "can be read or written by others", next: "chmod 600 \(key)")
        }
        #expect(try place.coop(["trust", "--show"]).output.contains("asks for"))
    }

    @Test("what a tampered log holds does not reach the terminal")
    func terminal() throws {
        let place = try place()
        let file = log(place)
        let text = String(decoding: try FileSystem.read(file), as: UTF8.self)
        try place.write(file, text + "\u{1B}[2J\n" + text.replacing("change", with: "\u{9B}31m\u{202E}"), mode: 0o600)
        for command in [["show"], ["show", "--json"], ["export"], ["export", "--format", "csv"], ["verify"]] {
            let outcome = try place.coop(["audit"] + command)
            let shown = outcome.output + outcome.error
            #expect(
                !shown.unicodeScalars.contains {
                    ($0.value < 0x20 && $0 != "\n" && $0 != "\r") || (0x7F...0x9F).contains($0.value) || $0.value == 0x202E
                },
                "\(command): \(shown.debugDescription)")
        }
    }
}
