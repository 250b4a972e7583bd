import ArgumentParser
import LinuxKernel
import NativeEngine
import Projects
import Sandbox
import Substitution
import WardenProtocol

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Show everything a sandbox would see and may do; runs nothing.",
        discussion: """
            The first column of a layer says how strong it is here: enforced, weaker, missing or unused.

            Examples:
              coop explain -- make test
              coop explain --memory 4G --json -- make test
            """)

    @OptionGroup var arguments: RunArguments

    @Flag(help: "Print the whole spec, plan and layers as JSON.") var json = false

    @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("The command and its arguments.", valueName: "CMD"))
    var words: [String] = []

    func run() throws {
        let context = try Context()
        let project = try context.project(for: arguments.options)
        var command = try CommandWords(words, of: ExplainCommand.self).words
        if command.isEmpty { command = [try ShellCommand.shell()] }
        let agent = try AgentRun.find(command, options: arguments.options, context: context)
        let configuration = try context.configuration(of: project, flags: arguments.options.flags, agent: agent)
        let task = try TaskRun.name(arguments.options, configuration.effective).map { try TaskRun.describe($0, context: context) }
        let builder = SpecBuilder(
            context: context, project: project, configuration: configuration, options: arguments.options, id: SessionDirectory.newID(),
            grants: try SandboxGrants.make(
                context: context, project: project, configuration: configuration.effective,
                profile: try arguments.options.profileName()), agent: agent, task: task)
        var spec = try builder.build(command: command)
        try InputFiles(arguments.options.inputFile, context: context, project: project)
            .describe(in: FileSystem.join(FileSystem.join(context.run, spec.id), "inputs"), spec: &spec)
        if spec.network.usesGateway {
            try TrustedAuthority.describe(in: &spec, cache: context.home.directory(.cache))
        }
        try WorkspaceSession.describe(
            spec: &spec, context: context, project: project, task: task,
            protect: configuration.effective.sandbox.protect.map(\.value))
        var explanation = try NativeEngine(wardenPath: try WardenProgram.locate()).explain(spec)
        explanation.notes = IneffectiveSettings.notes(configuration.effective) + ForwardSession.warnings(spec).map(\.text)
        for index in explanation.spec.environment.indices where explanation.spec.environment[index].origin.hasPrefix("environment ") {
            // As `coop env show` does: what is explained ends up in logs and reports.
            let value = explanation.spec.environment[index].value.osBytes.withUnsafeBytes { SecretBytes($0) }
            explanation.spec.environment[index].value = SecretMask.text(value)
        }
        if json {
            print(try JSONText.encode(explanation))
        } else {
            FileHandleOutput.standardOutput(text(explanation))
        }
    }

    private func text(_ explanation: Explanation) -> String {
        let spec = explanation.spec
        var result = "command    \(spec.command.map(\.printable).joined(separator: " "))\n"
        result += "engine     \(explanation.engine)\n"
        result += "workspace  \(spec.workspace.path.printable) (\(spec.workspace.mode.rawValue))\n"
        if let task = spec.workspace.task { result += "task       \(task.printable), branch coop/\(task.printable)\n" }
        result += "starts in  \(spec.workingDirectory.printable)\n"
        result += "home       \(spec.home.path.printable) (\(spec.home.source.map { "private, kept in \($0.printable)" } ?? "in memory"))\n"
        result += "network    \(spec.network.mode.rawValue)\n"
        if let prepare = spec.prepare { result += "prepare    \(prepare.printable)\n" }
        if let timeout = spec.timeout { result += "timeout    \(timeout) s\n" }
        for note in explanation.notes { result += "note       \(note.printable)\n" }
        result +=
            "\nLayers\n" + Table.text(explanation.layers.map { ["  " + $0.strength.rawValue, $0.layer.rawValue, $0.detail.printable] })
        if !spec.mounts.isEmpty {
            result +=
                "\nMounts\n"
                + Table.text(
                    spec.mounts.map {
                        [
                            "  " + ($0.readOnly ? "ro" : "rw"), $0.target.printable,
                            $0.source == $0.target ? "" : "from " + $0.source.printable, "(\($0.reason))",
                        ]
                    })
        }
        if !spec.covers.isEmpty {
            result += "\nOf its own\n" + Table.text(spec.covers.map { ["  ro", $0.path.printable, "(\($0.reason))"] })
        }
        if !spec.protected.isEmpty {
            result += "\nProtected\n" + Table.text(spec.protected.map { ["  " + $0.form.rawValue, $0.path.printable, "(\($0.reason))"] })
        }
        result += "\nEnvironment\n" + Table.text(spec.environment.map { ["  " + $0.name, $0.value.printable, "(\($0.origin.printable))"] })
        result += "\nPlan\n" + Table.text(explanation.plan.operations.map { ["  " + $0.name, $0.summary.printable] })
        return result
    }
}
