import ArgumentParser
import CoopErrors
import LinuxKernel
import Policy
import Projects

struct ProjectNew: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Make a project of the current directory; asks at a terminal, else takes the defaults.",
        discussion: """
            Writes coop.toml with a name, an agent, and the network that the project's own files speak of, and makes the project known.

            Examples:
              coop project new
              coop project new --no-input --agent claude --bundle npm
            """)

    @OptionGroup var wishes: ProjectWishes
    @Option(help: ArgumentHelp("What can be reached: none, scoped or open.", valueName: "MODE")) var network: String?
    @Option(
        name: .customLong("bundle"),
        help: ArgumentHelp("A named set of hosts to allow: npm, pypi, … Without it, by the files that are here.", valueName: "NAME"),
        completion: NameCompletion.bundles)
    var bundles: [String] = []
    @Flag(help: "Never ask; take the defaults.") var noInput = false
    @Flag(help: "Approve what the new file asks for, without a question.") var yes = false
    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        var version = 1
        var project: ProjectSummary
        var file: String
        var agent: String?
        var network: String
        var bundles: [String]
        var approved: Bool
    }

    private static let modes = ["none", "scoped", "open"]

    func run() throws {
        let context = try Context()
        let place = try ProjectPlace(context: context)
        let project = place.project
        let guess = ProjectGuess(context: context, root: project.root)
        let installed = try guess.agents()
        var file = ProjectFile(
            name: wishes.name ?? guess.name, agent: try wishes.agent(installed, context: context), network: network ?? "scoped",
            bundles: bundles.isEmpty ? (network == nil || network == "scoped" ? guess.bundles : []) : bundles)
        let asks = !noInput && Terminal.canAsk
        if asks { file = try ask(file, installed, context: context, project: project) }
        try file.check(project)
        try file.write(to: project.configurationFile)
        for note in place.notes { FileHandleOutput.standardError("coop: \(note.printable)\n") }
        let record = try ProjectRegistry(home: context.home).keep(project, name: file.name)
        // Who has just answered, or said so, has approved; what a file from elsewhere asks beside it is another matter.
        let isApproved = try approve(project, context: context, isMeant: asks || yes)
        if json {
            let report = Report(
                project: ProjectSummary(record), file: project.configurationFile, agent: file.agent, network: file.network ?? "scoped",
                bundles: file.bundles, approved: isApproved)
            print(try JSONText.encode(report))
            return
        }
        print(
            "Made the project `\(record.title.printable)`: coop.toml\(file.bundles.isEmpty ? "" : ", reaching \(file.bundles.joined(separator: ", "))")."
        )
        if !isApproved { print("It asks for more than the default, which needs your approval. Next: coop trust") }
    }

    /// Whether nothing is left to approve.
    private func approve(_ project: Project, context: Context, isMeant: Bool) throws -> Bool {
        let loaded = try LoadedConfiguration.load(project: project, home: context.home)
        let requests = loaded.resolve().requests
        let verdict = try TrustStore(home: context.home).verdict(project, digest: loaded.contentDigest, requests: requests)
        guard case .needed = verdict else { return true }
        guard isMeant, loaded.localFile == nil else { return false }
        try RecordedTrust(home: context.home).approve(project, digest: loaded.contentDigest, requests: requests)
        return true
    }

    // MARK: - The form

    private func ask(_ file: ProjectFile, _ installed: [String], context: Context, project: Project) throws(CoopError) -> ProjectFile {
        var file = file
        file.name = try Form.ask("Name", file.name) { (text) throws(CoopError) in try ProjectFile(name: text).check(project) }
        let agents = installed.isEmpty ? "none is installed" : "installed: \(installed.joined(separator: ", "))"
        let agent = try Form.ask("Agent (\(agents); - for none)", file.agent ?? "-") { (text) throws(CoopError) in
            if text != "-" { _ = try ProjectWishes.check(text, context: context) }
        }
        file.agent = agent == "-" ? nil : agent
        file.network = try Form.ask("Network (none, scoped, open)", file.network ?? "scoped") { (text) throws(CoopError) in
            try ProjectFile(name: file.name, network: text).check(project)
        }
        guard file.network == "scoped" else {
            file.bundles = []
            return file
        }
        let standard = file.bundles.isEmpty ? "-" : file.bundles.joined(separator: ", ")
        let bundles = try Form.ask("Hosts of (npm, pypi, …, separated by commas; - for none)", standard) { (text) throws(CoopError) in
            try ProjectFile(name: file.name, bundles: ProjectNew.list(text)).check(project)
        }
        file.bundles = ProjectNew.list(bundles)
        return file
    }

    private static func list(_ text: String) -> [String] {
        text == "-" ? [] : text.split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init)
    }
}

/// Questions at the terminal, one a line, each with an answer that Return takes.
enum Form {
    /// - Throws: `refused` at the end of the input; nothing has been done then.
    static func ask(_ question: String, _ standard: String, check: (String) throws(CoopError) -> Void) throws(CoopError) -> String {
        while true {
            FileHandleOutput.standardError("\(question) [\(standard.printable)]: ")
            guard let line = readLine(strippingNewline: true) else {
                FileHandleOutput.standardError("\n")
                throw CoopError(.refused, "nothing was made", "the questions were not answered", next: "coop project new --no-input")
            }
            let words = line.split(separator: " ").joined(separator: " ")
            let answer = words.isEmpty ? standard : words
            do {
                try check(answer)
                return answer
            } catch { FileHandleOutput.standardError("  \(error.why.printable)\n") }
        }
    }
}
