import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects

struct TrustCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trust", abstract: "Approve what this project's files ask for beyond the default.",
        discussion: """
            The approval holds for the exact contents of coop.toml and coop.local.toml; any change asks again.

            Examples:
              coop trust --show      what is asked for, and what was approved
              coop trust             look at it and approve
              coop trust --yes       approve without a question, for scripts of your own
              coop trust --revoke
            """)

    @Flag(help: "Show what is asked for and what was approved.") var show = false
    @Flag(help: "Take the approval back.") var revoke = false
    @Flag(help: "Approve without asking.") var yes = false
    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        var version = 1
        var project: String
        var approved: Bool
        var asked: [String]
        var added: [String]
        var kept: [String]
        var withdrawn: [String]
        var writtenBySandbox: [String]
    }

    private struct Revocation: Encodable {
        var version = 1
        var project: String
        var revoked: Bool
    }

    func validate() throws {
        if show && revoke || yes && (show || revoke) { throw ValidationError("Choose one of --show, --revoke and --yes.") }
    }

    func run() throws {
        let context = try Context()
        let project = try context.project()
        let store = TrustStore(home: context.home)
        if revoke {
            let existed = try RecordedTrust(home: context.home).revoke(project)
            if json {
                print(try JSONText.encode(Revocation(project: project.root, revoked: existed)))
            } else {
                print(existed ? "The approval is taken back." : "Nothing was approved.")
            }
            return
        }
        let loaded = try LoadedConfiguration.load(project: project, home: context.home)
        let requests = loaded.resolve().requests
        let verdict = try store.verdict(project, digest: loaded.contentDigest, requests: requests)
        if json {
            print(try JSONText.encode(report(verdict, project: project, requests: requests)))
            if show { return }
        }
        switch verdict {
        case .notNeeded:
            if !json { print("Nothing here asks for more than the default.") }
        case .approved:
            if !json { print("Approved:\n" + requests.map { "  \($0)" }.joined(separator: "\n")) }
        case .needed(let difference):
            if show {
                if !json { print(Approval.text(difference, project: project)) }
            } else if yes {
                try RecordedTrust(home: context.home).approve(project, digest: loaded.contentDigest, requests: requests)
                if !json { print(Approval.text(difference, project: project) + "\nApproved.") }
            } else {
                try Approval(project: project, home: context.home).ask(difference, loaded: loaded, all: requests)
            }
        }
    }

    private func report(_ verdict: TrustVerdict, project: Project, requests: [ApprovalRequest]) -> Report {
        var report = Report(
            project: project.root, approved: true, asked: requests.map(\.description), added: [], kept: [], withdrawn: [],
            writtenBySandbox: [])
        if case .approved = verdict { report.kept = report.asked }
        if case .needed(let difference) = verdict {
            report.approved = false
            report.added = difference.added.map(\.description)
            report.kept = difference.kept.map(\.description)
            report.withdrawn = difference.withdrawn
            report.writtenBySandbox = difference.writtenBySandbox
        }
        return report
    }
}
