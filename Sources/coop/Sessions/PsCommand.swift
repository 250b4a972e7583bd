import ArgumentParser
import Glibc
import LinuxKernel
import Sandbox

struct PsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List running sandboxes.",
        discussion: """
            Examples:
              coop ps
              coop ps --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        var version = 1
        var sandboxes: [SessionRecord]
    }

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let all = try Sessions(context: context).all()
        if json {
            print(try JSONText.encode(Listing(sandboxes: all)))
            return
        }
        var rows = [["ID", "NAME", "AGE", "WORKSPACE", "COMMAND"]]
        for record in all {
            rows.append([
                record.id, record.name ?? "-", Age.text(seconds: max(0, Int64(time(nil)) - record.started)),
                context.home.abbreviated(record.workspace).printable, record.command.map(\.printable).joined(separator: " "),
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
