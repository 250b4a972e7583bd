import ArgumentParser
import Audit
import CoopErrors
import LinuxKernel
import Projects

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Show, verify and export the record of what sandboxes did and were allowed.",
        discussion: """
            Every decision about traffic, and every change of grants, trust and policy, is an entry in one chain: what was changed,
            removed or cut off afterwards is found.

            Examples:
              coop audit show -n 20
              coop audit verify
              coop audit export --format csv --output audit.csv
            """,
        subcommands: [AuditShow.self, AuditVerify.self, AuditExportCommand.self])
}

/// Which entries are meant.
struct AuditFilter: ParsableArguments {
    @Option(name: .customShort("n"), help: ArgumentHelp("Only the newest N.", valueName: "N")) var count: Int?
    @Option(help: ArgumentHelp("Only of this session: its id, or the beginning of it.", valueName: "ID")) var session: String?
    @Option(
        help: ArgumentHelp("Only of this type: egress, command, grant, trust, policy, session. May be repeated.", valueName: "T"))
    var type: [String] = []
    @Option(help: ArgumentHelp("Only from this time on: 2026-03-01 or 2026-03-01T12:00:00Z.", valueName: "TIME")) var since: String?
    @Option(help: ArgumentHelp("Only before this time.", valueName: "TIME")) var until: String?

    func validate() throws {
        if let count, count < 0 { throw ValidationError("-n takes a number that is not negative.") }
        for text in [since, until].compactMap({ $0 }) where AuditTime(text) == nil {
            throw ValidationError("`\(text)` is not a time such as 2026-03-01 or 2026-03-01T12:00:00Z.")
        }
    }

    /// - Parameter standard: how many when -n is not given; nil for all.
    func query(standard: Int?) -> AuditQuery {
        AuditQuery(
            session: session, types: type.isEmpty ? nil : Set(type.map(AuditEntryType.init(rawValue:))),
            since: since.flatMap { AuditTime($0) }, until: until.flatMap { AuditTime($0) }, last: count ?? standard)
    }
}

/// What the commands say about lines that coop did not write.
enum UnreadableLines {
    static func warn(_ count: Int) {
        guard count > 0 else { return }
        FileHandleOutput.standardError(
            "coop: \(count) \(count == 1 ? "line" : "lines") of the audit log cannot be read and \(count == 1 ? "is" : "are") left out\n"
                + "Next: coop audit verify\n")
    }
}
