import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects

struct ProjectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "project", abstract: "Make, list and forget projects.",
        discussion: """
            A project is known once coop keeps something for it: its private home, secrets, environments, approvals.

            Examples:
              coop project new
              coop project list
              coop project info
            """,
        subcommands: [ProjectNew.self, ProjectList.self, ProjectInfo.self, ProjectRemove.self, ProjectMove.self])
}

struct ProjectList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the projects for which coop keeps something.",
        discussion: """
            Examples:
              coop project list
              coop project list --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        var version = 1
        var projects: [ProjectSummary]
        var damaged: [Damaged]
    }

    /// A project of which only the directory can be told.
    private struct Damaged: Encodable {
        var directory: String
        var reason: String
    }

    func run() throws {
        let context = try Context()
        let (projects, damaged) = try ProjectRegistry(home: context.home).listing()
        if json {
            let unread = damaged.map { Damaged(directory: $0.directory, reason: $0.reason) }
            print(try JSONText.encode(Listing(projects: projects.map { ProjectSummary($0) }, damaged: unread)))
            return
        }
        let rows = projects.map { record in
            [record.title.printable, context.home.abbreviated(record.path).printable, FileSystem.kind(record.path) == nil ? "gone" : ""]
        }
        FileHandleOutput.standardOutput(Table.text([["NAME", "PATH", ""]] + rows))
        for record in damaged {
            let place = context.home.abbreviated(record.directory)
            FileHandleOutput.standardError(
                "coop: cannot tell which project \(place.printable) belongs to: \(record.reason.printable)\n"
                    + "Next: cd PROJECT && coop run -- true   # makes its record anew\n")
        }
    }
}

/// A project as programs read it.
struct ProjectSummary: Encodable {
    var name: String
    var path: String
    var key: String
    var id: String
    /// Whether something is at the path.
    var exists: Bool
    /// Seconds since 1970.
    var created: Int64
    /// Git's name of a linked worktree.
    var worktree: String?
    var portOffset: Int?

    init(_ record: ProjectRecord) {
        name = record.title
        path = record.path
        key = record.key.text
        id = record.id
        exists = FileSystem.kind(record.path) != nil
        created = record.created
        worktree = record.worktree?.name
        portOffset = record.worktree?.portOffset
    }
}

struct ProjectInfo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what coop keeps for a project: this one, or the one that is named.",
        discussion: """
            Examples:
              coop project info
              coop project info shop --json
            """)

    @Flag(help: "Print JSON.") var json = false
    @Argument(
        help: ArgumentHelp("A name, an id, or a path; this project when left out.", valueName: "NAME"), completion: NameCompletion.projects)
    var name: String?

    private struct Report: Encodable {
        var version = 1
        var project: ProjectSummary
        var isKnown: Bool
        /// Where coop keeps its things.
        var directory: String
        var hostname: String
        var sandboxes: [String]
        var kept: ProjectContents
    }

    func run() throws {
        let context = try Context()
        let registry = ProjectRegistry(home: context.home)
        let (record, isKnown) = try find(context, registry)
        let damage = isKnown ? nil : registry.damage(of: Project(at: record.path))
        let contents = ProjectContents(context: context, key: record.key)
        let live = try LiveProject(context: context, record: record).sandboxes()
        let hostname = record.worktree?.hostname ?? SpecBuilder.hostname
        let directory = context.home.directory(of: record.key)
        if json {
            let report = Report(
                project: ProjectSummary(record), isKnown: isKnown, directory: directory, hostname: hostname, sandboxes: live, kept: contents
            )
            print(try JSONText.encode(report))
            return
        }
        let isGone = FileSystem.kind(record.path) == nil
        var rows = [
            ["name", record.title.printable], ["path", context.home.abbreviated(record.path).printable + (isGone ? " (gone)" : "")],
            ["id", isKnown ? record.id : damage == nil ? "- (nothing is kept yet)" : "-"], ["hostname", hostname],
        ]
        if let damage { rows.append(["record", "cannot be read: \(damage.reason.printable); the next run makes it anew"]) }
        if let worktree = record.worktree {
            rows.append(["worktree", "\(worktree.name.printable) of \(context.home.abbreviated(worktree.repository).printable)"])
            rows.append(["port offset", String(worktree.portOffset)])
        }
        rows.append(["kept in", context.home.abbreviated(directory).printable])
        rows += contents.lines.map { ["", $0] }
        if !live.isEmpty { rows.append(["sandboxes", live.joined(separator: ", ")]) }
        FileHandleOutput.standardOutput(Table.text(rows))
    }

    private func find(_ context: Context, _ registry: ProjectRegistry) throws -> (ProjectRecord, isKnown: Bool) {
        if let name {
            let record = try registry.named(name, context)
            return (record, registry.record(of: Project(at: record.path)) != nil)
        }
        let project = try context.project()
        let configured = try? LoadedConfiguration.load(project: project, home: context.home).resolve().effective.name?.value
        return (try registry.describe(project, name: configured), registry.record(of: project) != nil)
    }
}

extension ProjectRegistry {
    /// The known project that a person means by a name, an id or a path, which need not exist any more.
    func named(_ text: String, _ context: Context) throws(CoopError) -> ProjectRecord {
        guard ChosenProject.isPath(text) else { return try find(text) }
        let written = ChosenProject.expanded(text, context.home)
        let path = FileSystem.normalize(FileSystem.join(context.currentDirectory, written))
        let project = Project(at: FileSystem.realPath(path) ?? path)
        if let found = record(of: project) { return found }
        // What is kept can be shown and forgotten whatever its record looks like.
        if keeps(project) { return try describe(project) }
        throw CoopError(.notFound, "there is no project at \(text.printable)", "nothing is kept for one", next: "coop project list")
    }
}

/// What coop keeps for a project, in words.
struct ProjectContents: Encodable {
    var home: Bool
    var secrets: [String]
    var environments: [String]
    var logins: [String]
    var approvals: Bool
    /// Runs from which something was taken into quarantine.
    var quarantined: Int

    init(context: Context, key: ProjectKey) {
        func names(_ area: String, suffix: String = "") -> [String] {
            let directory = FileSystem.join(context.home.directory(of: key), area)
            guard let found = try? FileSystem.list(directory) else { return [] }
            return found.filter { !$0.hasPrefix(".") && $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.utf8.count)) }.sorted()
        }
        home = FileSystem.kind(context.home.directory(.home, of: key)) == .directory
        secrets = names(CoopHome.ProjectArea.secrets.rawValue, suffix: ".secret")
        environments = names(CoopHome.ProjectArea.env.rawValue, suffix: ".env")
        logins = names(CoopHome.ProjectArea.auth.rawValue)
        approvals = FileSystem.kind(FileSystem.join(context.home.directory(.trust), key.text)) == .file
        quarantined = names("quarantine").count
    }

    /// One line each.
    var lines: [String] {
        var result: [String] = []
        func add(_ what: String, _ names: [String]) {
            if names.isEmpty { return }
            let shown = names.prefix(8).map(\.printable).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
            result.append("\(what): \(shown)")
        }
        if home { result.append("the private home directory, with logins and histories of agents") }
        add("secrets", secrets)
        add("environments", environments)
        add("logins", logins)
        if approvals { result.append("approvals of its configuration") }
        if quarantined > 0 { result.append("what was taken out of the workspace after \(quarantined) runs") }
        return result
    }
}
