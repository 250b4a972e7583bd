import Agents
import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a small coop.toml in the current directory.",
        discussion: """
            The directory is a project from then on, whatever lies above it. A coop.toml that exists stays as it is.

            Examples:
              coop init
              coop init --name shop --agent codex
            """)

    @OptionGroup var wishes: ProjectWishes
    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        var version = 1
        var file: String
        var name: String
        var agent: String?
    }

    func run() throws {
        let context = try Context()
        let place = try ProjectPlace(context: context)
        let guess = ProjectGuess(context: context, root: place.project.root)
        let agent = try wishes.agent(guess.agents(), context: context)
        let file = ProjectFile(name: wishes.name ?? guess.name, agent: agent)
        try file.check(place.project)
        try file.write(to: place.project.configurationFile)
        for note in place.notes { FileHandleOutput.standardError("coop: \(note.printable)\n") }
        if json {
            print(try JSONText.encode(Report(file: place.project.configurationFile, name: file.name, agent: agent)))
        } else {
            let start = agent == nil ? "coop run -- CMD" : "coop run"
            print("Wrote coop.toml for `\(file.name.printable)`\(agent.map { ", which runs \($0)" } ?? ""). Next: \(start)")
        }
    }
}

/// What `init` and `project new` can be told.
struct ProjectWishes: ParsableArguments {
    @Option(help: ArgumentHelp("The project's name; the directory's when left out.", valueName: "NAME")) var name: String?
    @Option(
        help: ArgumentHelp("The agent that a bare `coop run` starts; the installed one used last when left out.", valueName: "AGENT"),
        completion: NameCompletion.agents)
    var agent: String?

    /// - Parameter installed: the one used last first.
    /// - Throws: `usage` when no agent has the name that was given.
    func agent(_ installed: [String], context: Context) throws(CoopError) -> String? {
        guard let agent else { return installed.first }
        return try ProjectWishes.check(agent, context: context)
    }

    static func check(_ agent: String, context: Context) throws(CoopError) -> String {
        let catalog = AgentCatalog(directory: context.home.directory(.agents))
        if try catalog.agent(named: agent) != nil { return agent }
        let known = try catalog.all().map(\.name)
        let near = NearestName.find(agent, among: known).map { "; did you mean `\($0)`?" } ?? ""
        throw CoopError(
            .usage, "there is no agent `\(agent.printable)`", "known are \(known.joined(separator: ", "))\(near)",
            next: "coop init --agent NAME")
    }
}

/// The current directory as the root of a new project.
struct ProjectPlace {
    let project: Project
    /// What a person may not expect of a project here.
    var notes: [String] = []

    init(context: Context) throws(CoopError) {
        let directory = context.currentDirectory
        let found = try context.project()
        if found.root != directory {
            switch found.evidence {
            case .configurationFile: notes.append("\(found.shownRoot) has a coop.toml, too, which does not hold here any more")
            case .gitTopLevel:
                notes.append("the git repository begins at \(found.shownRoot); in sandboxes of this directory there is no git")
            case .currentDirectory: break
            }
        }
        project = Project(
            root: directory, shownRoot: found.root == directory ? found.shownRoot : directory, currentDirectory: directory,
            evidence: .configurationFile)
        if FileSystem.kind(project.configurationFile, followLinks: false) != nil { throw ProjectFile.exists(project.configurationFile) }
    }
}
