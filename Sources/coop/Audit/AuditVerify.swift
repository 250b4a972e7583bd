import ArgumentParser
import Audit
import CoopErrors
import LinuxKernel
import Projects

struct AuditVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that nobody has changed the record.",
        discussion: """
            Names the first line that was edited, deleted, inserted or moved, and tells when the end is missing. Exit code 1 then.
            What it proves, and what not: docs/audit.md.

            Examples:
              coop audit verify
              coop audit verify --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        struct Damage: Encodable {
            var kind: String
            var file: String
            var line: UInt64?
            var detail: String
        }
        var version = 1
        var intact: Bool
        var entries: UInt64
        var files: Int
        var bytes: UInt64
        var damage: Damage?
        var notes: [String]
    }

    func run() throws {
        let directory = try CoopHome.locate().directory(.audit)
        let found = try AuditVerifier(directory: directory).verify()
        if json {
            let damage = found.damage.map { Report.Damage(kind: $0.kind.rawValue, file: $0.file, line: $0.line, detail: $0.detail) }
            print(
                try JSONText.encode(
                    Report(
                        intact: found.isIntact, entries: found.entries, files: found.files, bytes: found.bytes, damage: damage,
                        notes: found.notes)))
            if damage != nil { throw ProcessResult(code: 1) }
            return
        }
        for note in found.notes { print("Note: \(note.printable).") }
        if let damage = found.damage {
            throw CoopError(
                .failed, "the audit log is not as coop wrote it",
                "\(FileSystem.join(directory, damage.place)): \(damage.kind.rawValue): \(damage.detail); the \(found.entries) "
                    + (found.entries == 1 ? "entry" : "entries") + " before are intact. A new log begins when this one is moved away",
                next: "mv \(directory.shellQuoted) \((directory + ".damaged").shellQuoted)")
        }
        guard found.entries > 0 else { return print("Nothing has been recorded yet.") }
        print(
            "The audit log is intact: \(found.entries) \(found.entries == 1 ? "entry" : "entries") in \(found.files) "
                + "\(found.files == 1 ? "file" : "files").")
    }
}
