import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Review

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show what a session did in its overlay, or what a task has that its base lacks.",
        discussion: """
            At a terminal it is shown with COOP_PAGER, GIT_PAGER or PAGER, else with less. Elsewhere it is a patch that git apply takes.

            Examples:
              coop diff                         of this project's latest session with changes
              coop diff fix-auth src            what it, or the task of that name, did there and below
              coop diff --stat
              coop diff --json | jq '.files[].path'
            """)

    @Flag(help: "Show how many lines of each file have changed.") var stat = false
    @Flag(help: "Show the paths alone.") var nameOnly = false
    @Flag(help: "Print JSON.") var json = false
    @Option(
        name: [.customShort("U"), .customLong("unified")], help: ArgumentHelp("Lines to show around each difference.", valueName: "N"))
    var context = 3
    @Argument(
        help: ArgumentHelp(
            "A session (a name, an id or the beginning of an id) or a task, and paths; without one this project's latest session.",
            valueName: "ID|PATH"),
        completion: NameCompletion.sessions)
    var words: [String] = []

    func validate() throws {
        if [stat, nameOnly, json].filter({ $0 }).count > 1 {
            throw ValidationError("only one of --stat, --name-only and --json can be given")
        }
        if context < 0 || context > 1_000_000 { throw ValidationError("-U takes a number from 0 to 1000000") }
    }

    func run() throws {
        let place = try Context()
        try Sweep(context: place).run()
        let source = try DiffSource(words, context: place)
        let changes = DiffCommand.withoutHolders(
            try ChangeSelection.select(source.paths, from: source.changes, next: "coop diff \(source.name)"))
        if json { return try report(source, changes, place) }
        if changes.isEmpty { return }
        let isShown = isatty(1) == 1
        let text = DiffText(style: .ofStandardOutput(), isShown: isShown, context: context)
        try Pager.run {
            if nameOnly {
                for change in changes { try StandardOutput.write(GitPath.quoted(change.path) + [0x0A]) }
            } else if stat {
                try writeStat(changes, text.style)
            } else {
                for change in changes { for diff in FileDiff.diffs(of: change) { try StandardOutput.write(text.text(diff)) } }
            }
        }
    }

    /// The changes, a move as one, without the directories that have come, or gone, with what is in them.
    private static func withoutHolders(_ changes: [Change]) -> [Change] {
        var holders: Set<[UInt8]> = []
        for change in changes {
            // From the inside out, up to one that is known: all above that are known as well.
            var path = change.path.osBytes[...]
            while let slash = path.lastIndex(of: UInt8(ascii: "/")), holders.insert(Array(path[..<slash])).inserted {
                path = path[..<slash]
            }
        }
        return Renames.paired(changes).filter { change in
            let isDirectory = (change.before ?? change.after)?.kind == .directory && (change.before == nil || change.after == nil)
            return !isDirectory || !holders.contains(change.path.osBytes)
        }
    }

    private func writeStat(_ changes: [Change], _ style: TextStyle) throws {
        var stat = DiffStat()
        for change in changes { for diff in FileDiff.diffs(of: change) { stat.add(diff) } }
        var size = winsize()
        let width = isatty(2) == 1 && ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : 80
        let lines = stat.lines(width: width) { style($1 ? .green : .red, $0) }
        try StandardOutput.write(Array(lines.map { $0 + "\n" }.joined().utf8))
    }

    // MARK: - JSON

    private struct Report: Encodable {
        var version = 1
        var session: String?
        var task: String?
        var files: [File]
        var insertions: Int
        var deletions: Int
    }

    private struct File: Encodable {
        var path: String
        var origin: String?
        /// `added`, `changed`, `removed` or `moved`.
        var action: String
        var before: Version?
        var after: Version?
        var isBinary: Bool
        var insertions: Int
        var deletions: Int
        /// As git writes it; bytes that are no text are replaced.
        var diff: String
        var landing: [Finding]
    }

    private struct Version: Encodable {
        var kind: String
        var mode: String
        var size: UInt64
        var target: String?

        init(_ version: FileVersion) {
            kind =
                switch version.kind {
                case .file: "file"
                case .symlink: "symlink"
                case .directory: "directory"
                case .other: "other"
                }
            mode = String(version.mode, radix: 8)
            size = version.size
            target = version.target
        }
    }

    private struct Finding: Encodable {
        var kind: String
        var rule: String
        var reason: String
    }

    private func report(_ source: DiffSource, _ changes: [Change], _ place: Context) throws {
        let text = DiffText(style: .none, isShown: false, context: context)
        let gate = try LandingConsent.gate(context: place, root: source.root)
        var findings: [[UInt8]: [Finding]] = [:]
        for finding in gate.findings(in: source.changes) {
            findings[finding.path.osBytes, default: []].append(
                Finding(kind: finding.kind.rawValue, rule: finding.rule, reason: finding.reason))
        }
        var report = Report(session: source.session, task: source.task, files: [], insertions: 0, deletions: 0)
        for change in changes {
            let diffs = FileDiff.diffs(of: change)
            var stat = DiffStat()
            for diff in diffs { stat.add(diff) }
            report.insertions += stat.insertions
            report.deletions += stat.deletions
            report.files.append(
                File(
                    path: change.path, origin: change.origin,
                    action: change.origin != nil ? "moved" : change.before == nil ? "added" : change.after == nil ? "removed" : "changed",
                    before: change.before.map(Version.init), after: change.after.map(Version.init),
                    isBinary: stat.files.contains { $0.bytes != nil }, insertions: stat.insertions, deletions: stat.deletions,
                    diff: String(decoding: diffs.flatMap { text.text($0) }, as: UTF8.self), landing: findings[change.path.osBytes] ?? []))
        }
        try StandardOutput.write(Array((try JSONText.encode(report) + "\n").utf8))
    }
}
