import ArgumentParser
import Glibc
import LinuxKernel
import Sandbox
import Sessions
import Vault

struct PsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List sessions: what runs, and with -a what has been.",
        discussion: """
            STATE is starting, working, idle, attention (it waits for a person), exited or failed.

            Examples:
              coop ps
              coop ps -a --json
            """)

    @Flag(name: .shortAndLong, help: "Sessions that are over, too.") var all = false

    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let entries = try SessionEntry.all(context: context, ended: all)
        if json {
            let listing = JSONValue.object([.init("version", .number("1")), .init("sandboxes", .array(entries.map(\.json)))])
            print(listing.text(indented: true))
            return
        }
        var rows = [["ID", "NAME", "STATE", "AGENT", "AGE", "TOKENS", "WORKSPACE", "COMMAND"]]
        let now = Int64(time(nil))
        for entry in entries {
            rows.append([
                entry.id, entry.name?.printable ?? "-", entry.shownState, entry.agent?.printable ?? "-",
                Age.text(seconds: max(0, now - entry.started)), entry.shownTokens,
                entry.task.map { "task \($0.printable)" } ?? context.home.abbreviated(entry.workspace).printable,
                entry.command.map(\.printable).joined(separator: " "),
            ])
        }
        FileHandleOutput.standardOutput(Table.text(rows))
    }
}

/// A time span in one unit: `3m`.
enum Age {
    static func text(seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m"
        case ..<86400: "\(seconds / 3600)h"
        default: "\(seconds / 86400)d"
        }
    }
}

/// Columns of text.
enum Table {
    static func text(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        var result = ""
        for row in rows {
            var line = ""
            for (index, cell) in row.enumerated() {
                line += cell
                if index + 1 < row.count { line += String(repeating: " ", count: widths[index] - cell.count + 2) }
            }
            result += line + "\n"
        }
        return result
    }
}
