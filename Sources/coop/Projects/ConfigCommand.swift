import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects
import TOML

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Read, change and check the configuration.",
        discussion: """
            What is said nearest holds: flags, COOP_* variables, coop.local.toml, coop.toml, ~/.coop/config.toml.

            Examples:
              coop config list
              coop config set --user sandbox.memory 8G
              coop config validate
            """,
        subcommands: [
            ConfigGet.self, ConfigSet.self, ConfigUnset.self, ConfigList.self, ConfigEdit.self, ConfigValidate.self, ConfigImport.self,
        ])
}

/// Which file a command changes.
struct ConfigFileOptions: ParsableArguments {
    @Flag(help: "The user's own file, ~/.coop/config.toml.") var user = false
    @Flag(help: "The project's coop.local.toml.") var local = false

    func validate() throws {
        if user && local { throw ValidationError("Choose one of --user and --local.") }
    }

    func editor(_ context: Context) throws(CoopError) -> ConfigurationEditor {
        if user { return ConfigurationEditor(.user(context.home), home: context.home) }
        let project = try context.project()
        return ConfigurationEditor(local ? .local(project) : .project(project), home: context.home)
    }
}

struct ConfigGet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print a value in force, and where it comes from.",
        discussion: """
            Examples:
              coop config get sandbox.memory
              coop config get --user sandbox.memory     what this one file says
              coop config get sandbox.env.NODE_ENV      one name of a table
            """)

    @OptionGroup var file: ConfigFileOptions
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("A key: sandbox.memory.", valueName: "KEY")) var key: String

    private struct Report: Encodable {
        var version = 1
        var key: String
        var value: String
        var origin: String
    }

    func run() throws {
        let context = try Context()
        let found: (text: String, origin: String)?
        if file.user || file.local {
            found = try file.editor(context).get(key).map { ($0.text, "\($0.origin)") }
        } else {
            let (wanted, name) = try ConfigKeys.find(key)
            let loaded = try LoadedConfiguration.load(project: try context.projectIfAny(), home: context.home)
            let value = loaded.resolve { _ in true }.effective[wanted]
            if let name {
                found = value?.value.pair(name).map { ($0.text, "\($0.origin)") }
            } else {
                found = value.map { ($0.value.text, "\($0.origin)") } ?? wanted.schema.standard.map { ($0, "default") }
            }
        }
        guard let found else {
            throw CoopError(
                .notFound, "`\(key.printable)` has no value", "it is not set, and there is no default",
                next: "coop config set \(key.shellQuoted) VALUE")
        }
        if json {
            print(try JSONText.encode(Report(key: key, value: found.text, origin: found.origin)))
        } else {
            print(found.text.printable)
        }
    }
}

struct ConfigList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List every key with its value, where it comes from, and what it means.",
        discussion: """
            Examples:
              coop config list
              coop config list --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        struct Entry: Encodable {
            var key: String
            var value: String?
            var origin: String
            var meaning: String
        }
        var version = 1
        var keys: [Entry]
        /// What is wrong, with its place.
        var problems: [String]
    }

    func run() throws {
        let context = try Context()
        // Who has written a wrong key or value looks here for the right one.
        let (loaded, problems) = try LoadedConfiguration.reading(project: try context.projectIfAny(), home: context.home)
        let effective = loaded.resolve { _ in true }.effective
        let entries = ConfigurationKey.allCases.map { key -> Report.Entry in
            let setting = effective[key]
            return Report.Entry(
                key: key.path, value: setting?.value.text ?? key.schema.standard, origin: setting.map { "\($0.origin)" } ?? "default",
                meaning: key.schema.documentation)
        }
        if json {
            print(try JSONText.encode(Report(keys: entries, problems: problems.map { "\($0.origin): \($0.reason)" })))
        } else {
            FileHandleOutput.standardOutput(
                Table.text(
                    [["KEY", "VALUE", "FROM", "MEANING"]]
                        + entries.map { [$0.key, ($0.value ?? "-").printable, $0.origin.printable, $0.meaning] }))
        }
        guard let first = problems.first else { return }
        for problem in problems { FileHandleOutput.standardError("coop: \(problem.origin): \(problem.reason)\n") }
        FileHandleOutput.standardError("Next: \(ConfigList.remedy(first.origin.layer))\n")
        throw ProcessResult(code: 3)
    }

    private static func remedy(_ layer: ConfigurationOrigin.Layer) -> String {
        switch layer {
        case .project: "coop config edit"
        case .local: "coop config edit --local"
        case .user: "coop config edit --user"
        default: "coop config validate"
        }
    }
}

struct ConfigValidate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check every configuration file and variable; list everything that is wrong.",
        discussion: """
            Exit code 3 when something is wrong.

            Example:
              coop config validate --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        struct Problem: Encodable {
            var place: String
            var key: String
            var reason: String
            var next: String
        }
        var version = 1
        var problems: [Problem]
    }

    func run() throws {
        let context = try Context()
        let problems = try LoadedConfiguration.problems(project: try context.projectIfAny(), home: context.home)
        if json {
            let report = Report(problems: problems.map { .init(place: "\($0.origin)", key: $0.key, reason: $0.reason, next: $0.next) })
            print(try JSONText.encode(report))
            if !problems.isEmpty { throw ProcessResult(code: 3) }
            return
        }
        if problems.isEmpty {
            print("The configuration is fine.")
            return
        }
        let lines = problems.map { "\($0.origin): \($0.reason)" }.joined(separator: "\n")
        throw CoopError(.configuration, "the configuration is wrong", lines, next: problems[0].next)
    }
}

/// Keys by their dotted path.
enum ConfigKeys {
    /// - Returns: also the name in a table, of `sandbox.env.NAME`.
    static func find(_ text: String) throws(CoopError) -> (key: ConfigurationKey, name: String?) {
        if let key = ConfigurationKey.allCases.first(where: { $0.path == text }) { return (key, nil) }
        if let path = try? TOMLDocument.keyPath(parsing: text), let (key, rest) = ConfigurationSchema.key(at: path), rest.count == 1,
            case .map = key.schema.form
        {
            return (key, rest.last)
        }
        let near = NearestName.find(text, among: ConfigurationKey.allCases.map(\.path)).map { "; did you mean `\($0)`?" } ?? ""
        throw CoopError(.usage, "`\(text.printable)` is not a key", "there is no such key\(near)", next: "coop config list")
    }
}

extension ConfigurationValue {
    /// The value of a name in a table of texts.
    fileprivate func pair(_ name: String) -> (text: String, origin: ConfigurationOrigin)? {
        guard case .items(let items) = self, let item = items.first(where: { $0.name == name }), case .pair(let text) = item.content else {
            return nil
        }
        return (text, item.origin)
    }
}
