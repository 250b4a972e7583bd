import ArgumentParser
import ConfigurationImport
import CoopErrors
import LinuxKernel
import Projects

struct ConfigImport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take over settings of pillbox, abox, sbx, sbox and sandbox.",
        discussion: """
            Reads pillbox.toml, .abox/project.toml, .abox/policies/*.toml, .sbx/config.toml, .sbx/flavors/*/config.toml, .sbox/config.yaml and
            .sandbox.yml of the project, and the user's own files of these tools. It says for every key what it becomes, or why nothing.
            Without --yes nothing is written. What a file of coop's says already stays; secrets are never copied.

            Examples:
              coop config import
              coop config import pillbox.toml --yes
            """)

    @OptionGroup var file: ConfigFileOptions
    @Flag(help: "Write it.") var yes = false
    @Flag(help: "Only show it, which is what happens without --yes.") var dryRun = false
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("Files of these tools; all that are found when left out.", valueName: "FILE")) var files: [String] = []

    func validate() throws {
        if yes && dryRun { throw ValidationError("Choose one of --yes and --dry-run.") }
    }

    func run() throws {
        let context = try Context()
        let project = try context.projectIfAny()
        var plan = ImportPlan(context: context)
        for source in try sources(context, project) {
            let target = file.user || file.local || source.isOfProject ? try file.editor(context) : .user(context)
            try plan.read(source, into: target, project: project)
        }
        if yes { try plan.write() }
        if json {
            print(try JSONText.encode(plan.report(written: yes)))
        } else {
            FileHandleOutput.standardOutput(plan.text())
            if yes || !plan.changesAnything { return }
            FileHandleOutput.standardError("Nothing was written.\nNext: coop config import --yes\n")
        }
    }

    private func sources(_ context: Context, _ project: Project?) throws(CoopError) -> [ImportSource] {
        let known =
            "pillbox.toml, .abox/project.toml, .abox/policies/NAME.toml, .sbx/config.toml, .sbox/config.yaml, .sandbox/config.yaml, .sandbox.yml"
        if files.isEmpty {
            let configuration = environmentVariable("XDG_CONFIG_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
            let found = ImportSource.find(root: project?.root, home: context.home.userHome, configuration: configuration)
            guard !found.isEmpty else {
                throw CoopError(.notFound, "there is nothing to import", "no such file is here: \(known)", next: "coop config import FILE")
            }
            return found
        }
        var result: [ImportSource] = []
        for file in files {
            let path = FileSystem.normalize(FileSystem.join(context.currentDirectory, file))
            guard FileSystem.kind(path) != nil else {
                throw CoopError(.notFound, "cannot import \(file.printable)", "there is no such file", next: "coop config import")
            }
            let home = context.home.userHome
            let isOfProject = project.map { FileSystem.contains($0.root, path) } ?? false || !FileSystem.contains(home, path)
            guard let source = ImportSource(path: path, isOfProject: isOfProject) else {
                throw CoopError(
                    .usage, "cannot import \(file.printable)", "its name is of none of these: \(known)", next: "coop config import --help")
            }
            result.append(source)
        }
        return result
    }
}

extension ConfigurationEditor {
    fileprivate static func user(_ context: Context) -> ConfigurationEditor {
        ConfigurationEditor(.user(context.home), home: context.home)
    }
}
