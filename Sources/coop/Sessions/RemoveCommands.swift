import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import Sessions

struct RmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Forget a session that is over: its log is removed.",
        discussion: """
            Examples:
              coop rm fix-auth
              coop rm k3x9 m2p8
            """)

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: [String]
    @Flag(help: "Also when it holds changes that were not applied.") var force = false

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let store = SessionStore(context: context)
        // All of them are looked up before one is removed: a wrong name removes nothing.
        let sessions = try id.map { text in
            let session = try store.find(text)
            guard !session.isLive else {
                throw CoopError(.notReady, "cannot remove the session \(session.id)", "it is running", next: "coop stop \(session.id)")
            }
            if !force, try session.overlay()?.hasChanges() ?? false {
                throw CoopError(
                    .failed, "cannot remove the session \(session.id)", "it holds changes that were not applied",
                    next: "coop discard \(session.id), or coop rm --force \(session.id)")
            }
            return session
        }
        for session in sessions {
            try session.remove(to: context.home.trash)
            print(session.id)
        }
    }
}

struct PruneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Forget sessions that ended long ago.",
        discussion: """
            Examples:
              coop prune                      what ended more than 30 days ago
              coop prune --older-than 12h
              coop prune --older-than 0s --dry-run
            """)

    @Option(help: ArgumentHelp("How long ago they ended at least: 30d, 12h, 15m.", valueName: "TIME")) var olderThan = "30d"
    @Flag(help: "Only say which ones.") var dryRun = false
    @Flag(help: "Also those that hold changes which were not applied.") var force = false
    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        var version = 1
        var removed: [String]
        /// Those that hold changes which were not applied.
        var kept: [String]
        var isDryRun: Bool
    }

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let limit = Int64(time(nil)) - (try PruneCommand.seconds(olderThan))
        var old = try SessionStore(context: context).all().filter { session in
            !session.isLive && (session.summary.ended ?? session.summary.since) <= limit
        }
        let full = force ? [] : try old.filter { try $0.overlay()?.hasChanges() ?? false }
        old.removeAll { session in full.contains { $0.directory == session.directory } }
        for session in old where !dryRun { try session.remove(to: context.home.trash) }
        if json {
            print(try JSONText.encode(Report(removed: old.map(\.id), kept: full.map(\.id), isDryRun: dryRun)))
        } else {
            for session in old { print(session.id) }
        }
        if let first = full.first {
            let error = CoopError(
                .failed, full.count == 1 ? "the session \(first.id) stays" : "\(full.count) sessions stay",
                "changes were not applied: \(full.map(\.id).joined(separator: ", "))",
                next: "coop discard \(first.id), or coop prune --force")
            guard json else { throw error }
            // The one document that was printed says it already.
            FileHandleOutput.standardError("coop: \(error.message.printableLines)\nNext: \(error.next ?? "")\n")
            throw ProcessResult(code: 1)
        }
    }

    private static func seconds(_ text: String) throws(CoopError) -> Int64 {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count >= 0, count < 1_000_000_000 else {
            throw CoopError(
                .usage, "cannot use the time `\(text.printable)`", "it is a number and one of s, m, h and d",
                next: "coop prune --older-than 30d")
        }
        return count * unit
    }
}

extension StoredSession {
    /// Removes the log.
    func remove(to trash: Trash) throws(CoopError) {
        do { try trash.remove(directory) } catch {
            throw CoopError(.failed, "cannot remove the session \(id.printable)", "\(error)", next: "ls -la \(directory.shellQuoted)")
        }
    }
}
