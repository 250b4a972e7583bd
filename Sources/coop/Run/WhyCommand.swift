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
            grants: try SandboxGrants.make(context: context, configuration: configuration.effective), agent: nil)
        var spec = try builder.build(command: ["true"])
        try WorkspaceSession.describe(
            spec: &spec, context: context, project: project, protect: configuration.effective.sandbox.protect.map(\.value))
        if spec.network.usesGateway {
            try TrustedAuthority.describe(
                in: &spec, file: FileSystem.join(FileSystem.join(context.run, spec.id), TrustedAuthority.bundleName))
        }
        let plan = try NativeEngine(wardenPath: try WardenProgram.locate()).explain(spec).plan
        let policy = EnvironmentPolicy(
            allow: configuration.effective.sandbox.envAllow.map(\.value), block: configuration.effective.sandbox.envBlock.map(\.value))
        let answer = Reason(spec: spec, plan: plan, policy: policy, currentDirectory: context.currentDirectory, home: context.home.userHome)
            .answer(subject)
        if json {
            print(try JSONText.encode(answer))
        } else {
            print("\(answer.verdict.rawValue): \(answer.subject.printable)\n  \(answer.rule.printable)")
            if let next = answer.next { print("Next: \(next.printable)") }
        }
    }
}
