import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Review

struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Take what a session did in its overlay into your own tree.",
        discussion: """
            Examples:
              coop apply                        everything, of this project's latest session with changes
              coop apply fix-auth src docs/a.md what it did there and below
              coop apply -p                     piece by piece
              coop apply --yes --accept 'package.json'
            """)

    @Flag(name: .shortAndLong, help: "Choose piece by piece.") var patch = false
    @Flag(help: "Do not ask whether to apply.") var yes = false
    @Option(
        help: ArgumentHelp(
            "Accept what the host would execute or trust at these paths; `*`, `**` and `?` stand for anything.", valueName: "PATTERN"))
    var accept: [String] = []
    @Flag(help: "Only say what would be done.") var dryRun = false
    @OptionGroup var work: WorkArguments

    private struct Report: Encodable {
        var version = 1
        var session: String
        var isDryRun: Bool
        var changes: [LandingText.Item]
        var alreadyThere: [String]
        var findings: [LandingDecision.Finding] = []
        var conflicts: [LandingText.Conflict]
    }

    func run() throws {
        if patch && work.json {
            throw CoopError(.usage, "cannot use -p with --json", "the pieces are chosen by a person", next: "coop apply --json PATH")
        }
        let context = try Context()
        try Sweep(context: context).run()
        let selection = try WorkSelection(work.words, context: context, command: "coop apply")
        let all = try selection.overlay.changes()
        var changes = try ChangeSelection.select(selection.paths, from: all, next: "coop diff --name-only \(selection.name)")
        let what = "cannot apply the changes of \(selection.name.printable)"
        if patch { changes = try HunkChoice(what: what).choose(from: changes) }
        var landing = try OverlayLanding(context: context, selection: selection, changes: changes, of: all)
        var text = LandingText(plan: landing.plan)
        if dryRun { return try report(selection, landing.plan, text) }
        guard landing.plan.conflicts.isEmpty else {
            throw text.refusal(what, next: "coop apply \(selection.name) PATH   # without these")
        }
        guard !landing.plan.items.isEmpty else {
            try landing.settle()
            return try report(selection, landing.plan, text)
        }
        var staged = try landing.stage()
        let consent = try LandingConsent(
            context: context, subject: .session(selection.session.id), root: landing.overlay.root, accept: accept, allowsPart: true,
            isJSON: work.json,
            command: (["coop apply"] + (yes || !Terminal.canAsk ? ["--yes"] : []) + ([selection.name] + selection.paths).map(\.shellQuoted))
                .joined(separator: " "))
        let decision = try consent.ask(about: landing.plan.changes(as: staged.edits))
        if !decision.refused.isEmpty {
            let rest = try landing.without(decision.refused, staged)
            guard rest.plan.conflicts.isEmpty else { throw LandingText(plan: rest.plan).refusal(what, next: "coop diff \(selection.name)") }
            guard !rest.plan.items.isEmpty else {
                throw CoopError(.refused, what, "nothing is left of it", next: "coop diff \(selection.name)")
            }
            let second = try rest.stage()
            (landing, staged, text) = (rest, second, LandingText(plan: rest.plan))
        }
        if !work.json { for line in text.lines() { FileHandleOutput.standardError(line + "\n") } }
        // Choosing the pieces was the answer.
        if !yes && !patch {
            guard Terminal.canAsk else {
                throw CoopError(
                    .refused, what, "there is nobody to ask",
                    next: (["coop apply --yes"] + work.words.map(\.shellQuoted)).joined(separator: " ")
                )
            }
            let tree = context.home.abbreviated(landing.overlay.root).printable
            guard Terminal.confirm("Apply \(LandingText.count(landing.plan.items.count)) to \(tree)?") else {
                throw CoopError(.refused, what, "you said no", next: "coop diff \(selection.name)")
            }
        }
        _ = try landing.commit(staged)
        try report(selection, landing.plan, text, decision.findings)
    }

    private func report(
        _ selection: WorkSelection, _ plan: LandingPlan, _ text: LandingText, _ findings: [LandingDecision.Finding] = []
    ) throws {
        if work.json {
            let report = Report(
                session: selection.session.id, isDryRun: dryRun, changes: text.items, alreadyThere: plan.settled.map(\.path),
                findings: findings,
                conflicts: text.conflicts)
            print(try JSONText.encode(report))
        } else if plan.items.isEmpty && plan.conflicts.isEmpty {
            print(plan.settled.isEmpty ? "Nothing to apply." : "Nothing to apply: your tree has it already.")
        } else if dryRun {
            let style = TextStyle.ofStandardOutput()
            for line in text.lines(style: style) { print(line) }
            for conflict in plan.conflicts { print("\(style(.red, "C")) \(conflict.path.printable): \(conflict.reason)") }
        } else {
            print("Applied \(LandingText.count(plan.items.count)). To take them back: coop undo")
        }
        if dryRun && !plan.conflicts.isEmpty { throw ProcessResult(code: 1) }
    }
}
