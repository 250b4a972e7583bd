import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox
import Substitution
import Vault

struct EnvCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env", abstract: "Keep environments: sets of variables that a sandbox gets by name.",
        discussion: """
            The sandbox sees the values. What it may use but not see is a secret: coop secret.

            Examples:
              coop env load dev .env.development
              coop run --env-bundle dev -- npm start
              coop env list
            """,
        subcommands: [EnvLoad.self, EnvList.self, EnvShow.self, EnvRemove.self])
}

struct EnvLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Keep the variables of a .env file under a name; what had it before is replaced.",
        discussion: """
            Lines are NAME=VALUE; nothing is expanded, and a line that is not understood is an error with its place.

            Examples:
              coop env load dev .env
              generate-settings | coop env load --global shared -
            """)

    @OptionGroup var place: SecretScopeOptions
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("The environment's name.", valueName: "NAME")) var name: String
    @Argument(help: ArgumentHelp("The file, `-` for standard input.", valueName: "FILE")) var file: String

    private struct Report: Encodable {
        var version = 1
        var name: String
        var scope: String
        var isNew: Bool
        var variables: [String]
        /// Those that look like credentials.
        var credentials: [String]
    }

    func run() throws {
        let context = try Context()
        let bundle = try BundleName(name)
        let scope = try place.scope(context)
        let shown = file == "-" ? "standard input" : file
        let bytes = try contents(context, shown)
        let entries = try EnvironmentFile.parse(bytes, shown: shown)
        guard !entries.isEmpty else {
            throw CoopError(
                .usage, "cannot keep the environment `\(bundle)`", "\(shown.printable) sets nothing", next: "coop env load --help")
        }
        if scope == .project { try context.keep(try context.project()) }
        try context.home.prepare(try context.environmentDirectory(scope))
        let isNew = try context.bundles().set(bundle, bytes, scope: scope)
        let credentials = try hints(entries, shown, scope)
        if json {
            let report = Report(
                name: bundle.text, scope: scope.rawValue, isNew: isNew, variables: entries.map(\.name), credentials: credentials)
            print(try JSONText.encode(report))
            return
        }
        let count = entries.count == 1 ? "1 variable" : "\(entries.count) variables"
        FileHandleOutput.standardError(
            "\(isNew ? "Kept" : "Replaced") the environment \(bundle) \(scope == .global ? "for all projects" : "for this project"): \(count).\n"
        )
    }

    private func contents(_ context: Context, _ shown: String) throws(CoopError) -> [UInt8] {
        do {
            if file == "-" { return try Descriptor(owning: dup(0)).readAll(limit: BundleStore.sizeLimit, subject: shown) }
            return try FileSystem.read(FileSystem.join(context.currentDirectory, file), limit: BundleStore.sizeLimit)
        } catch {
            let why = error.errno == EFBIG ? "it has more than \(BundleStore.sizeLimit >> 20) MiB" : error.reason
            throw CoopError(.failed, "cannot read \(shown.printable)", why, next: file == "-" ? nil : "ls -l \(file.shellQuoted)")
        }
    }

    /// Says which values look like credentials that coop could keep out of the sandbox.
    private func hints(_ entries: [EnvironmentFile.Entry], _ shown: String, _ scope: SecretStore.Scope) throws(CoopError) -> [String] {
        var result: [String] = []
        let providers = try ProviderCatalog.all()
        for entry in entries {
            let value = entry.value.osBytes.withUnsafeBytes { SecretBytes($0) }
            guard let provider = ProviderCatalog.recognise(value, among: providers) else { continue }
            result.append(entry.name)
            let global = scope == .global ? "--global " : ""
            FileHandleOutput.standardError(
                "coop: \(shown.printable):\(entry.line): \(entry.name) looks like a credential of \(provider.title), and a sandbox would see it; "
                    + "as a secret it is used without being seen: coop secret add \(global)--provider \(provider.name) \(entry.name)\n")
        }
        return result
    }
}

struct EnvList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the environments that can be used here.",
        discussion: """
            Examples:
              coop env list
              coop env list --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        struct Entry: Encodable {
            var name: String
            var scope: String
            var variables: [String]
            var changed: Int64
            var shadowed: Bool
        }
        var version = 1
        var environments: [Entry]
    }

    func run() throws {
        let all = try Context().bundles().list().map { record, text throws(CoopError) in
            (record, try EnvironmentFile.parse(text, shown: "environment \(record.name)").map(\.name))
        }
        if json {
            let entries = all.map { record, names in
                Listing.Entry(
                    name: record.name.text, scope: record.scope.rawValue, variables: names, changed: record.changed,
                    shadowed: record.isShadowed)
            }
            print(try JSONText.encode(Listing(environments: entries)))
            return
        }
        let now = Int64(time(nil))
        let rows = all.map { record, names in
            [
                record.name.text, record.scope.rawValue + (record.isShadowed ? " (shadowed)" : ""), String(names.count),
                Age.text(seconds: max(0, now - record.changed)) + " ago",
            ]
        }
        FileHandleOutput.standardOutput(Table.text([["NAME", "SCOPE", "VARIABLES", "LOADED"]] + rows))
    }
}

struct EnvShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the variables of an environment; their values only with --reveal, and only on a terminal.",
        discussion: """
            Examples:
              coop env show dev
              coop env show dev --reveal
            """)

    @Flag(help: "Show the values. Standard output must be a terminal.") var reveal = false
    @Flag(name: .customLong("global"), help: "The global one, although the project has one of that name.") var isGlobal = false
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("The environment's name.", valueName: "NAME"), completion: NameCompletion.environments) var name: String

    private struct Report: Encodable {
        struct Variable: Encodable {
            var name: String
            var masked: String
            var bytes: Int
        }
        var version = 1
        var name: String
        var scope: String
        var changed: Int64
        var variables: [Variable]
    }

    func validate() throws {
        if reveal && json { throw ValidationError("--json never holds a value, so --reveal cannot be had with it.") }
    }

    func run() throws {
        let bundle = try BundleName(name)
        guard let (record, text) = try Context().bundles().find(bundle, scope: isGlobal ? .global : nil) else {
            throw CoopError(.notFound, "there is no environment `\(bundle)`", "nothing of that name is kept", next: "coop env list")
        }
        let entries = try EnvironmentFile.parse(text, shown: "environment \(bundle)")
        if reveal {
            guard isatty(1) == 1 else {
                throw CoopError(
                    .usage, "cannot show the values of `\(bundle)`",
                    "standard output is not a terminal, so they would end up in a file or a log", next: "coop env show \(bundle) --reveal")
            }
            FileHandleOutput.standardOutput(entries.map { "\($0.name)=\($0.value.printable)\n" }.joined())
            return
        }
        let variables = entries.map { entry in
            Report.Variable(
                name: entry.name, masked: SecretMask.text(entry.value.osBytes.withUnsafeBytes { SecretBytes($0) }),
                bytes: entry.value.utf8.count)
        }
        if json {
            print(
                try JSONText.encode(
                    Report(name: bundle.text, scope: record.scope.rawValue, changed: record.changed, variables: variables)))
            return
        }
        FileHandleOutput.standardOutput(
            "\(bundle), \(record.scope == .global ? "for all projects" : "of this project")\n"
                + Table.text(variables.map { ["  " + $0.name, $0.masked] }))
    }
}

struct EnvRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Forget an environment.",
        discussion: """
            Example:
              coop env rm --global shared
            """)

    @OptionGroup var place: SecretScopeOptions
    @Argument(help: ArgumentHelp("The environment's name.", valueName: "NAME"), completion: NameCompletion.environments) var name: String

    func run() throws {
        let context = try Context()
        let bundle = try BundleName(name)
        let scope = try place.scope(context)
        guard try context.bundles().remove(bundle, scope: scope) else {
            let other = scope == .project ? "; a global one is removed with --global" : ""
            throw CoopError(
                .notFound, "there is no \(scope.rawValue) environment `\(bundle)`", "nothing of that name is kept\(other)",
                next: "coop env list")
        }
    }
}

extension Context {
    /// Where the environments of a scope are kept.
    fileprivate func environmentDirectory(_ scope: SecretStore.Scope) throws(CoopError) -> String {
        switch scope {
        case .global: FileSystem.join(home.directory(.global), "env")
        case .project: home.directory(.env, of: try project().key)
        }
    }
}
