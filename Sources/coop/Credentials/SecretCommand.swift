import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Substitution
import Vault

struct SecretCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Keep secrets that sandboxes may use but never see.",
        discussion: """
            Examples:
              coop secret add GITHUB_TOKEN                    asks for the value, without showing it
              gh auth token | coop secret add GITHUB_TOKEN
              coop secret list
            """,
        subcommands: [SecretAdd.self, SecretList.self, SecretShow.self, SecretRemove.self])
}

/// Where a secret belongs.
struct SecretScopeOptions: ParsableArguments {
    @Flag(name: .customLong("global"), help: "For all projects. Without it: for this project, or for all where there is none.")
    var isGlobal = false

    func scope(_ context: Context) throws(CoopError) -> SecretStore.Scope {
        isGlobal ? .global : try context.projectIfAny() == nil ? .global : .project
    }
}

struct SecretAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Keep a secret; the value comes from standard input or a hidden question.",
        discussion: """
            The value is never taken from the command line, which others can read.

            Examples:
              coop secret add OPENAI_API_KEY --provider openai
              coop secret add --global NPM_TOKEN < token.txt
              coop secret add OPENAI_API_KEY --replace        a new value
            """)

    @OptionGroup var place: SecretScopeOptions
    @Flag(help: "Replace the value if there is one.") var replace = false
    @Option(help: ArgumentHelp("The service it is for; the value is checked to look like its credentials.", valueName: "NAME"))
    var provider: String?
    @Flag(help: "Keep the value although it does not look like a credential of the provider.") var force = false
    @Argument(help: ArgumentHelp("The secret's name.", valueName: "NAME")) var name: String

    func run() throws {
        let context = try Context()
        let secret = try SecretName(name)
        let known = try provider.map { (name) throws(CoopError) in try ProviderCatalog.find(name) }
        let store = try context.secrets()
        let scope = try place.scope(context)
        if !replace, try store.find(secret, scope: scope) != nil {
            throw CoopError(
                .failed, "cannot keep `\(secret)`", "there is a \(scope.rawValue) secret of that name",
                next: "coop secret add \(scope == .global ? "--global " : "")--replace \(secret)")
        }
        let value = try HiddenPrompt.read("Value of \(secret)", limit: SecretStore.sizeLimit)
        if !force, let problem = known?.problem(with: value) {
            throw CoopError(.usage, "cannot keep `\(secret)`", problem, next: "coop secret add \(secret) --force")
        }
        try context.prepareSecrets(scope)
        let isNew = try store.set(secret, value, scope: scope, provider: known?.name, replace: replace)
        let scopeText = scope == .global ? "for all projects" : "for this project"
        FileHandleOutput.standardError("\(isNew ? "Kept" : "Replaced") \(secret) \(scopeText).\n")
        if value.count < PatternTable.shortestScrubbed {
            FileHandleOutput.standardError(
                "It has only \(value.count) bytes: coop cannot recognise something that short in traffic, and will not look for it.\n")
        }
    }
}

struct SecretList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the secrets, without their values.",
        discussion: """
            Examples:
              coop secret list
              coop secret list --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        struct Entry: Encodable {
            var name: String
            var scope: String
            var provider: String?
            var created: Int64
            var changed: Int64
            var shadowed: Bool
        }
        var version = 1
        var secrets: [Entry]
    }

    func run() throws {
        let records = try Context().secrets().list()
        if json {
            let entries = records.map {
                Listing.Entry(
                    name: $0.name.text, scope: $0.scope.rawValue, provider: $0.provider, created: $0.created, changed: $0.changed,
                    shadowed: $0.isShadowed)
            }
            print(try JSONText.encode(Listing(secrets: entries)))
            return
        }
        let now = Int64(time(nil))
        var rows = [["NAME", "SCOPE", "PROVIDER", "CHANGED"]]
        for record in records {
            rows.append([
                record.name.text, record.scope.rawValue + (record.isShadowed ? " (shadowed)" : ""), record.provider?.printable ?? "-",
                Age.text(seconds: max(0, now - record.changed)) + " ago",
            ])
        }
        FileHandleOutput.standardOutput(Table.text(rows))
    }
}

struct SecretShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show what is known about a secret; its value only with --reveal, and only on a terminal.",
        discussion: """
            Examples:
              coop secret show GITHUB_TOKEN
              coop secret show GITHUB_TOKEN --reveal
            """)

    @Flag(help: "Show the value. Standard output must be a terminal.") var reveal = false
    @Flag(name: .customLong("global"), help: "The global one, although the project has one of that name.") var isGlobal = false
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("The secret's name.", valueName: "NAME")) var name: String

    private struct Report: Encodable {
        var version = 1
        var name: String
        var scope: String
        var provider: String?
        var created: Int64
        var changed: Int64
        var bytes: Int
        var masked: String
    }

    func validate() throws {
        if reveal && json { throw ValidationError("--json never holds a value, so --reveal cannot be had with it.") }
    }

    func run() throws {
        let context = try Context()
        let secret = try SecretName(name)
        guard let found = try context.secrets().find(secret, scope: isGlobal ? .global : nil) else {
            throw CoopError(.notFound, "there is no secret `\(secret)`", "nothing of that name is stored", next: "coop secret list")
        }
        if reveal {
            guard isatty(1) == 1 else {
                throw CoopError(
                    .usage, "cannot show the value of `\(secret)`",
                    "standard output is not a terminal, so it would end up in a file or a log",
                    next: "coop secret show \(secret) --reveal")
            }
            let text = found.value.withBytes { String(osBytes: $0) }
            FileHandleOutput.standardOutput(
                text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }.joined(separator: "\n") + "\n")
            return
        }
        let masked = SecretMask.text(found.value)
        let record = found.record
        if json {
            let report = Report(
                name: secret.text, scope: record.scope.rawValue, provider: record.provider, created: record.created,
                changed: record.changed,
                bytes: found.value.count, masked: masked)
            print(try JSONText.encode(report))
            return
        }
        FileHandleOutput.standardOutput(
            Table.text([
                ["name", secret.text], ["scope", record.scope.rawValue], ["provider", record.provider?.printable ?? "-"],
                ["value", masked],
                ["bytes", String(found.value.count)],
            ]))
    }
}

/// A value as it may be shown to somebody who looks over a shoulder.
enum SecretMask {
    /// The last four characters of a long value, nothing of a short one.
    static func text(_ value: SecretBytes) -> String {
        guard value.count >= 16 else { return "********" }
        return "********" + value.withBytes { String(osBytes: Array($0.suffix(4))).printable }
    }
}

struct SecretRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Forget a secret.",
        discussion: """
            Example:
              coop secret rm --global NPM_TOKEN
            """)

    @OptionGroup var place: SecretScopeOptions
    @Argument(help: ArgumentHelp("The secret's name.", valueName: "NAME")) var name: String

    func run() throws {
        let context = try Context()
        let secret = try SecretName(name)
        let scope = try place.scope(context)
        guard try context.secrets().remove(secret, scope: scope) else {
            let other = scope == .project ? "; a global one is removed with --global" : ""
            throw CoopError(
                .notFound, "there is no \(scope.rawValue) secret `\(secret)`", "nothing of that name is stored\(other)",
                next: "coop secret list")
        }
    }
}
