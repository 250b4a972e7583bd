import ArgumentParser
import Audit
import CoopErrors
import LinuxKernel
import Projects

struct AuditShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the newest entries.",
        discussion: """
            Without -n the newest 50. Times are in UTC. It does not verify what it shows: coop audit verify does.

            Examples:
              coop audit show
              coop audit show -n 200 --type egress
              coop audit show --session k3v9 --since 2026-03-01 --json
            """)

    @OptionGroup var filter: AuditFilter
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let home = try CoopHome.locate()
        var records: [AuditRecord] = []
        let unreadable = try AuditReader(directory: home.directory(.audit)).read(filter.query(standard: 50)) { records.append($0) }
        if json {
            let entries = records.map { "    " + $0.json }.joined(separator: ",\n")
            print(
                "{\n  \"version\" : 1,\n  \"unreadable\" : \(unreadable),\n  \"entries\" : [\(entries.isEmpty ? "" : "\n\(entries)\n  ")]\n}"
            )
            return
        }
        var rows = [["SEQ", "TIME", "SESSION", "TYPE", "DETAILS"]]
        for record in records {
            rows.append([
                "\(record.sequence)", record.entry.time.description, record.entry.session.isEmpty ? "-" : record.entry.session.printable,
                record.entry.type.rawValue.printable, record.entry.details.map(AuditShow.text).joined(separator: " "),
            ])
        }
        FileHandleOutput.standardOutput(Table.text(rows))
        UnreadableLines.warn(unreadable)
    }

    /// `host=api.example.com`
    private static func text(_ detail: AuditDetail) -> String {
        let value =
            switch detail.value {
            case .text(let text): text.auditWord
            case .integer(let number): "\(number)"
            case .flag(let flag): "\(flag)"
            case .list(let items): "[" + items.map(\.auditWord).joined(separator: ", ") + "]"
            }
        return "\(detail.name.auditWord)=\(value)"
    }
}

extension String {
    /// Safe for a terminal, and in quotation marks where it could be taken for more than one word.
    fileprivate var auditWord: String {
        let text = printable
        let isWord = !text.isEmpty && !text.utf8.contains { $0 <= 0x20 || "\"=[],\\".utf8.contains($0) }
        if isWord { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") + "\""
    }
}
