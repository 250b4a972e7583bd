import Audit
import CoopErrors
import LinuxKernel
import Projects
import Review
import Workspaces

/// Asks before anything lands in a tree of the user's that this machine would execute or trust. Every decision is recorded before it counts.
struct LandingConsent {
    /// Where a change comes from.
    enum Subject {
        case session(String)
        case task(String)
    }

    let context: Context
    let subject: Subject
    /// The tree that the change lands in, absolute.
    let root: String
    /// What `--accept` names: accepted without a question.
    let accepted: [PathPattern]
    /// Whether a path can be left out, and the rest land without it.
    let allowsPart: Bool
    /// Whether the caller prints JSON: what is refused is then in the report on standard output.
    let isJSON: Bool
    /// The command to be given next, without `--accept`, for messages: `coop apply k3x9`.
    let command: String

    /// - Parameter accept: the patterns of `--accept`, in the manner of gitignore(5).
    /// - Throws: `usage` for what is no pattern.
    init(
        context: Context, subject: Subject, root: String, accept: [String], allowsPart: Bool, isJSON: Bool = false, command: String
    ) throws(CoopError) {
        self.context = context
        self.subject = subject
        self.root = root
        self.allowsPart = allowsPart
        self.isJSON = isJSON
        self.command = command
        var patterns: [PathPattern] = []
        for text in accept {
            guard let pattern = PathPattern(text, folding: false) else {
                throw CoopError(
                    .usage, "cannot accept `\(text.printable)`", "it is no pattern of paths",
                    next: "\(command) --accept .github/workflows/ci.yml")
            }
            patterns.append(pattern)
        }
        accepted = patterns
    }

    /// Shows what was found and takes the user's decision.
    ///
    /// - Parameter changes: everything that is going to land.
    /// - Returns: what was decided, with the paths that have to be left out. Of a move that is left out both paths are.
    /// - Throws: `refused`, with everything left as it was: without a terminal and not accepted; the user said no and nothing can be left out;
    ///   the user quit. The code is 126.
    func ask(about changes: [Change]) throws -> LandingDecision {
        let gate = try LandingConsent.gate(context: context, root: root)
        let findings = gate.findings(in: changes)
        if findings.isEmpty { return LandingDecision() }
        var decision = LandingDecision()
        var open: [LandingItem] = []
        for item in LandingItem.items(findings, changes: changes) {
            let isAccepted = item.paths.allSatisfy { path in accepted.contains { $0.matches(path) } }
            if isAccepted { decision.add(item, isAccepted: true, by: .option) } else { open.append(item) }
        }
        if !open.isEmpty {
            guard Terminal.canAsk, !isJSON else {
                for item in open { decision.add(item, isAccepted: false, by: .nobody) }
                try record(decision)
                throw try refusal(open, decision)
            }
            try LandingQuestions(items: open, changes: changes, allowsPart: allowsPart).ask(&decision)
        }
        try record(decision)
        if decision.isQuit || (!allowsPart && !decision.refused.isEmpty) {
            throw CoopError(.refused, "nothing was changed", "you said no to what this machine would execute or trust", next: command)
        }
        return decision
    }

    /// The gate with everything it goes by: coop's rules, what agents obey, what the user's git is told to run, and the user's own rules.
    static func gate(context: Context, root: String) throws -> LandingGate {
        var rules = try LandingRules.builtIn()
        rules += LandingRules.agents(try AgentRun.protected(context))
        if let repository = try GitRepository.find(at: root) {
            let variables = Dictionary(EnvironmentBuilder.host().map { ($0.name, $0.value) }) { first, _ in first }
            let paths = try PrivateGitDirectory.trustedPaths(of: repository, user: GitUserConfiguration(environment: variables)) {
                try HostGit.find(path: environmentVariable("PATH") ?? "/usr/bin:/bin")
            }
            rules += LandingRules.configured(paths)
        }
        if hasWindsurf(context, root: root), let pattern = PathPattern("agents.md") {
            rules.append(LandingRule(pattern: pattern, kind: .agent, reason: "Windsurf follows it, by this name in any directory, too"))
        }
        rules += try userRules(context.home)
        return LandingGate(rules: rules, root: root)
    }

    /// Whether the user has the one agent that takes `agents.md` in small letters for `AGENTS.md` below the root as well: in its own home
    /// directory, or for this project.
    private static func hasWindsurf(_ context: Context, root: String) -> Bool {
        let home = environmentVariable("HOME") ?? ""
        let signs = [
            FileSystem.join(home, ".codeium"), FileSystem.join(home, ".windsurf"), FileSystem.join(home, ".config/Windsurf"),
            FileSystem.join(root, ".windsurf"), FileSystem.join(root, ".windsurfrules"),
        ]
        return signs.contains { FileSystem.kind($0) != nil }
    }

    /// The rules in `$COOP_HOME/landing-rules.txt`, where there is one.
    private static func userRules(_ home: CoopHome) throws(CoopError) -> [LandingRule] {
        let path = FileSystem.join(home.path, "landing-rules.txt")
        let bytes: [UInt8]
        do throws(SystemError) {
            guard try FileSystem.kindIfPresent(path, followLinks: false) != nil else { return [] }
            bytes = try FileSystem.read(path, limit: LandingRules.longest)
        } catch {
            throw CoopError(.configuration, "cannot read \(path.printable)", "\(error)", next: "ls -l \(path.shellQuoted)")
        }
        return try LandingRules.parse(bytes, name: path)
    }

    // MARK: - Refusal

    private func refusal(_ open: [LandingItem], _ decision: LandingDecision) throws -> any Error {
        let lines = open.map { "  \($0.title): \($0.reasons.joined(separator: "; "))" }
        let shown = lines.prefix(50).joined(separator: "\n") + (lines.count > 50 ? "\n  … and \(lines.count - 50) more" : "")
        // All of them, as long as that is a command that somebody reads before it is given.
        let options = open.prefix(8).map { " --accept \($0.pattern.shellQuoted)" }.joined() + (open.count > 8 ? " …" : "")
        let error = CoopError(
            .refused, "nothing was changed",
            "this machine would execute or trust \(open.count == 1 ? "a part" : "\(open.count) parts") of it, and nobody is here to ask:\n\(shown)",
            next: "look at it with coop diff, then \(command)\(options)")
        guard isJSON else { return error }
        let report = LandingRefusal(
            error: .init(
                code: error.code.rawValue, message: "\(error.what): the host would execute or trust a part of it", next: error.next),
            findings: decision.findings)
        FileHandleOutput.standardOutput(try JSONText.encode(report) + "\n")
        FileHandleOutput.standardError("coop: \(error.message.printableLines)\nNext: \((error.next ?? "").printableLines)\n")
        return ProcessResult(code: 126)
    }

    // MARK: - Record

    /// There is no landing without an entry.
    private func record(_ decision: LandingDecision) throws(CoopError) {
        if decision.entries.isEmpty { return }
        let directory = context.home.directory(.audit)
        try context.home.prepare(directory)
        let log = try AuditLog(directory: directory)
        for (index, item) in decision.entries.enumerated() {
            var session = ""
            var details = [AuditDetail("project", root)]
            switch subject {
            case .session(let id): session = id
            case .task(let name): details.append(AuditDetail("task", name))
            }
            details.append(AuditDetail("path", item.path))
            if item.changes.count > 1 { details.append(AuditDetail("paths", item.changes.count)) }
            details += [
                AuditDetail("rule", item.rule),
                AuditDetail("decision", item.isAccepted ? "accepted" : "refused"),
                AuditDetail("by", item.decider.rawValue), AuditDetail("sha256", item.digest),
            ]
            // One that is durable makes those before it durable.
            try log.append(AuditEntry(.landing, session: session, details: details), durable: index + 1 == decision.entries.count)
        }
    }
}

/// The report of a refusal.
private struct LandingRefusal: Encodable {
    struct Body: Encodable {
        var code: String
        var message: String
        var next: String?
    }
    var version = 1
    var error: Body
    var findings: [LandingDecision.Finding]
}
