import CoopErrors
import Glibc
import LinuxKernel
import Projects

/// Shows what a repository asks for and takes the user's decision.
struct Approval {
    let project: Project
    let home: CoopHome

    /// Asks at the terminal; without one the run is refused.
    func ask(_ difference: TrustDifference, digest: String, all: [ApprovalRequest]) throws(CoopError) {
        let text = Approval.text(difference, project: project)
        guard Terminal.canAsk else {
            throw CoopError(
                .refused, "the configuration of \(project.shownRoot.printable) asks for more than the default", text, next: "coop trust")
        }
        FileHandleOutput.standardError(text + "\n")
        guard Terminal.confirm("Approve this for \(project.shownRoot.printable)?") else {
            throw CoopError(.refused, "the configuration was not approved", "you said no", next: "coop trust --show")
        }
        try RecordedTrust(home: home).approve(project, digest: digest, requests: all)
    }

    /// The list in plain words, new things first.
    static func text(_ difference: TrustDifference, project: Project) -> String {
        var lines: [String] = []
        for request in difference.added { lines.append("  + \(request)") }
        for request in difference.kept { lines.append("    \(request), approved before") }
        for item in difference.withdrawn { lines.append("  - \(item), no longer asked for") }
        if difference.contentsChanged, difference.added.isEmpty { lines.append("  ! the file has changed since it was approved") }
        for name in difference.writtenBySandbox { lines.append("  ! \(name) was written by a sandbox") }
        return "\(project.shownRoot.printable) asks for:\n" + lines.joined(separator: "\n")
    }
}

/// The user's terminal, for questions.
enum Terminal {
    /// Whether a question can be asked: a terminal on both sides, and `--no-input` was not given.
    static var canAsk: Bool {
        isatty(0) == 1 && isatty(2) == 1 && environmentVariable("COOP_TEST_NO_INPUT") == nil
            && !CommandLine.arguments.prefix(while: { $0 != "--" }).contains("--no-input")
    }

    /// Asks a yes-or-no question; no is the default.
    static func confirm(_ question: String) -> Bool {
        FileHandleOutput.standardError("\(question) [y/N] ")
        let answer = readLine(strippingNewline: true) ?? ""
        return ["y", "yes"].contains(answer.lowercased())
    }
}
