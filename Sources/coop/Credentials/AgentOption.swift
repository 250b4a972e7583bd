import Agents
import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects
import Vault

/// Which agent a command about logins is for.
struct AgentOption: ParsableArguments {
    @Option(help: ArgumentHelp("The agent; without it, the project's.", valueName: "NAME"))
    var agent: String?

    /// The agent's description.
    ///
    /// - Throws: `notFound` with the agents that there are.
    func find(_ context: Context) throws(CoopError) -> Agent { try AgentOption.find(agent, context) }

    static func find(_ agent: String?, _ context: Context) throws(CoopError) -> Agent {
        let catalog = AgentCatalog(directory: context.home.directory(.agents))
        var name = agent
        if name == nil { name = try projects(context) }
        guard let name else {
            throw CoopError(
                .usage, "cannot tell which agent is meant", "none was named, and the project's configuration has none",
                next: "add --agent NAME, or for this project: coop config set agent NAME")
        }
        if let found = try catalog.agent(named: name) { return found }
        let known = try catalog.all().map(\.name)
        let near = NearestName.find(name, among: known).map { "; did you mean `\($0)`?" } ?? ""
        throw CoopError(
            .notFound, "there is no agent `\(name.printable)`", "known are \(known.joined(separator: ", "))\(near)", next: "coop auth list")
    }

    /// The agent's logins.
    ///
    /// - Throws: `usage` for an agent whose login coop cannot keep.
    func logins(_ context: Context) throws(CoopError) -> AgentLogins {
        let agent = try find(context)
        guard let service = agent.login?.service else {
            throw CoopError(
                .usage, "cannot keep a login of \(agent.title.printable)", "its file does not say where the agent keeps it",
                next: "coop auth list")
        }
        return AgentLogins(service, context: context, project: try context.projectIfAny())
    }

    private static func projects(_ context: Context) throws(CoopError) -> String? {
        try LoadedConfiguration.load(project: try context.projectIfAny(), home: context.home).resolve { _ in true }.effective.agent?.value
    }
}
