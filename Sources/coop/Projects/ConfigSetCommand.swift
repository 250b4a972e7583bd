import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects

struct ConfigSet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set a value; comments and order of the file stay.",
        discussion: """
            Without --user or --local the project's coop.toml is changed.

            Examples:
              coop config set --user sandbox.memory 8G
              coop config set sandbox.protect .vscode,.idea
              coop config set sandbox.env NODE_ENV=development DEBUG=1
              coop config set --add network.allow api.example.com
            """)

    @OptionGroup var file: ConfigFileOptions
    @Flag(help: "Add to the list or table; what is there stays as it is.") var add = false
    @Flag(help: "Take elements out of the list, or names out of the table.") var remove = false
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("A key: sandbox.memory.", valueName: "KEY")) var key: String
    @Argument(help: ArgumentHelp("The value; a list as a,b,c, a table as NAME=VALUE.", valueName: "VALUE")) var values: [String]

    func validate() throws {
        if add && remove { throw ValidationError("Choose one of --add and --remove.") }
        if values.isEmpty { throw ValidationError("Missing expected argument '<VALUE> ...'") }
    }

    func run() throws {
        let editor = try file.editor(Context())
        var report = ConfigChange(editor, key)
        if add {
            report.added = try editor.add(values, to: key)
        } else if remove {
            report.removed = try editor.remove(values, from: key)
            guard report.removed != [] else {
                throw CoopError(
                    .notFound, "nothing was removed from `\(key.printable)`", "\(editor.file.name.printable) does not hold it there",
                    next: "coop config list")
            }
        } else {
            try editor.set(key, to: values)
        }
        if json {
            report.value = try editor.get(key)?.text
            print(try JSONText.encode(report))
        }
    }
}

struct ConfigUnset: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unset", abstract: "Remove a value.",
        discussion: """
            Example:
              coop config unset --user sandbox.memory
            """)

    @OptionGroup var file: ConfigFileOptions
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("A key: sandbox.memory.", valueName: "KEY")) var key: String

    func run() throws {
        let editor = try file.editor(Context())
        let old = try editor.get(key)?.text
        guard try editor.unset(key) else {
            throw CoopError(.notFound, "`\(key.printable)` is not set there", "the file does not hold it", next: "coop config list")
        }
        var report = ConfigChange(editor, key)
        report.removed = [old ?? ""]
        if json { print(try JSONText.encode(report)) }
    }
}

/// What a command has changed, as JSON.
private struct ConfigChange: Encodable {
    var version = 1
    /// The path of the file.
    var file: String
    var key: String
    /// The value that the file gives the key now.
    var value: String?
    var added: [String]?
    var removed: [String]?

    init(_ editor: ConfigurationEditor, _ key: String) {
        file = editor.file.path
        self.key = key
    }
}
