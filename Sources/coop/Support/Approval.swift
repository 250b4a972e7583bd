import CoopErrors
import Glibc
import LinuxKernel
import Projects

/// Shows what a repository asks for and takes the user's decision.
struct Approval {
    let project: Project
    let home: CoopHome

    /// Asks at the terminal; without one the run is refused. What is approved are the bytes that were read, whatever the files hold
    /// by the time of the answer.
    func ask(_ difference: TrustDifference, loaded: LoadedConfiguration, all: [ApprovalRequest]) throws(CoopError) {
        let text = Approval.text(difference, project: project)
        guard Terminal.canAsk else {
            throw CoopError(
                .refused, "the configuration of \(project.shownRoot.printable) asks for more than the default", text, next: "coop trust")
        }
        FileHandleOutput.standardError(text + "\n")
        while true {
            switch Terminal.answer("Approve this for \(project.shownRoot.printable)? [y]es, [v]iew the files, [N]o ") {
            case "y", "yes": return try RecordedTrust(home: home).approve(project, digest: loaded.contentDigest, requests: all)
            case "v", "view": FileHandleOutput.standardError(Approval.contents(loaded))
            default: throw CoopError(.refused, "the configuration was not approved", "you said no", next: "coop trust --show")
            }
        }
    }

    /// The files as they were read, with the numbers of their lines; safe for a terminal.
    static func contents(_ loaded: LoadedConfiguration) -> String {
        var result = ""
        for (name, bytes) in [("coop.toml", loaded.projectFile), ("coop.local.toml", loaded.localFile)] {
            guard let bytes else { continue }
            result += "\(name):\n"
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            if lines.last?.isEmpty == true { lines.removeLast() }
            for (index, line) in lines.enumerated() {
                let number = String(index + 1)
                let margin = String(repeating: " ", count: max(0, 5 - number.count))
                result += "\(margin)\(number)  \(String(osBytes: line).printable)\n"
            }
        }
        return result
    }

    /// Items that a usual screen shows.
    private static let listLimit = 20

    /// The list in plain words, new things first.
    static func text(_ difference: TrustDifference, project: Project) -> String {
        var lines: [String] = []
        for request in difference.added { lines.append("  + \(request)") }
        for request in difference.kept { lines.append("    \(request), approved before") }
        for item in difference.withdrawn { lines.append("  - \(item), no longer asked for") }
        if difference.contentsChanged, difference.added.isEmpty { lines.append("  ! the file has changed since it was approved") }
        for name in difference.writtenBySandbox { lines.append("  ! \(name) was written by a sandbox") }
        // A list that is longer than the screen says so where it can be seen.
        let count = difference.added.count + difference.kept.count
        if count > listLimit { lines.append("  These are \(count) things; the first have left a small screen.") }
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

    /// Asks, and returns the line that was typed in lower case; empty at the end of the input.
    static func answer(_ question: String) -> String {
        FileHandleOutput.standardError(question)
        return (readLine(strippingNewline: true) ?? "").lowercased()
    }

    /// Asks a yes-or-no question.
    ///
    /// - Parameter standard: what an empty answer means. The end of the input means no.
    static func confirm(_ question: String, standard: Bool = false) -> Bool {
        FileHandleOutput.standardError("\(question) \(standard ? "[Y/n]" : "[y/N]") ")
        guard let answer = readLine(strippingNewline: true) else { return false }
        return answer.isEmpty ? standard : ["y", "yes"].contains(answer.lowercased())
    }
}
