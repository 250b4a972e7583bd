import ArgumentParser
import Audit
import CoopErrors
import Glibc
import LinuxKernel
import Projects

struct AuditExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write entries as JSON lines or CSV, for other programs.",
        discussion: """
            Everything, unless an option says less. JSON lines are those of the log, byte by byte.

            Examples:
              coop audit export > audit.jsonl
              coop audit export --format csv --output audit.csv --type egress --since 2026-03-01
            """)

    @OptionGroup var filter: AuditFilter
    @Option(help: ArgumentHelp("jsonl or csv.", valueName: "FORMAT")) var format: AuditExport.Format = .jsonl
    @Option(name: .shortAndLong, help: ArgumentHelp("Write into this new file instead of standard output.", valueName: "FILE"))
    var output: String?

    func run() throws {
        let directory = try CoopHome.locate().directory(.audit)
        let target = try open()
        let unreadable = try AuditExport(directory: directory, format: format).write(filter.query(standard: nil)) {
            bytes throws(CoopError) in
            do {
                try target.writeAll(bytes, subject: output ?? "standard output")
            } catch {
                throw CoopError(.failed, "cannot write the export", "\(error)", next: "df -h .")
            }
        }
        UnreadableLines.warn(unreadable)
    }

    private func open() throws(CoopError) -> Descriptor {
        do {
            guard let output else { return Descriptor(owning: try check("fcntl", "standard output") { fcntl(1, F_DUPFD_CLOEXEC, 3) }) }
            // Never over what is there: it could be the log itself.
            return try Descriptor.open(output, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        } catch {
            throw CoopError(.failed, "cannot write the export", "\(error)", next: "coop audit export --output FILE   # a new one")
        }
    }
}

extension AuditExport.Format: ExpressibleByArgument {}
