import ArgumentParser
import CoopErrors
import LinuxKernel
import NativeEngine
import Projects
import Sandbox
import WardenProtocol

struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Say whether a path, host, command or variable is there inside, and by which rule.",
        discussion: """
            Examples:
              coop why ~/.ssh/id_rsa
              coop why example.com
              coop why cargo
              coop why '$AWS_PROFILE'
            """)

    @OptionGroup var arguments: RunArguments

    @Flag(help: "Print JSON.") var json = false

    @Argument(help: ArgumentHelp("A path, a host name, a command, or a variable written as $NAME.", valueName: "PATH|HOST|CMD"))
    var subject: String

    func run() throws {
        let context = try Context()
        let project = try context.project(for: arguments.options)
        let configuration = try context.configuration(of: project, flags: arguments.options.flags)
        let builder = SpecBuilder(
            context: context, project: project, configuration: configuration, options: arguments.options, id: SessionDirectory.newID(),
            grants: try SandboxGrants.make(context: context, project: project, configuration: configuration.effective, profile: nil),
            agent: nil)
        var spec = try builder.build(command: ["true"])
        try InputFiles(arguments.options.inputFile, context: context, project: project)
            .describe(in: FileSystem.join(FileSystem.join(context.run, spec.id), "inputs"), spec: &spec)
        if spec.network.usesGateway {
            try TrustedAuthority.describe(in: &spec, cache: context.home.directory(.cache))
        }
        try WorkspaceSession.describe(
            spec: &spec, context: context, project: project, protect: configuration.effective.sandbox.protect.map(\.value))
        let plan = try NativeEngine(wardenPath: try WardenProgram.locate()).explain(spec).plan
        let policy = EnvironmentPolicy(
            allow: configuration.effective.sandbox.envAllow.map(\.value), block: configuration.effective.sandbox.envBlock.map(\.value))
        var answer = Reason(spec: spec, plan: plan, policy: policy, currentDirectory: context.currentDirectory, home: context.home.userHome)
            .answer(subject)
        if answer.isHost { answer.live = try live(subject, context: context, project: project) }
        if json {
            print(try JSONText.encode(answer))
        } else {
            print("\(answer.verdict.rawValue): \(answer.subject.printable)\n  \(answer.rule.printable)")
            for live in answer.live ?? [] {
                print("  in the live sandbox \(live.sandbox.printable): \(live.verdict.rawValue): \(live.rule.printable)")
            }
            if let next = answer.next { print("Next: \(next.printable)") }
        }
    }

    /// What the live sandboxes of the project say, where rules may have changed since their start. One that does not answer is left out.
    private func live(_ host: String, context: Context, project: Project) throws -> [Reason.Live] {
        let records = try Sessions(context: context).all().filter { $0.isOf(project, context) }
        return records.compactMap { record in
            guard let state = try? LiveSandbox(record: record, run: context.run).ask(.report), state.gateway else { return nil }
            let found = Reason.host(host, policy: state.policy)
            return Reason.Live(sandbox: record.name ?? record.id, verdict: found.verdict, rule: found.rule)
        }
    }
}
