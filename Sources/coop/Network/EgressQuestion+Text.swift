import CoopErrors
import Egress
import LinuxKernel
import Policy

extension EgressQuestion {
    /// The question on one line. Everything in it that comes from inside is made safe for a terminal.
    ///
    /// - Parameter command: what the sandbox was started for.
    func text(command: [String]) -> String {
        let name = FileSystem.lastComponent(of: command.first ?? "").printable
        let what = request.map { " (\($0.method.printable) \(EgressQuestion.short($0.path).printable))" } ?? ""
        let answers = canBeKept ? "[o]nce, [s]ession, [a]lways, [n]o" : "[o]nce, [s]ession, [n]o"
        return "coop: \(name.isEmpty ? "the command" : name) wants to reach \(host.printable):\(port)\(what) — allow? \(answers) "
    }

    /// Whether an answer can be kept as a host that is allowed. A rule by method or path asks about more than the host.
    var canBeKept: Bool { rule?.looksAtRequests != true }

    /// The rule that an answer for more than this once makes: what the rule that asks is about, at this host.
    func allowingRule() throws(CoopError) -> NetworkRule {
        var result = try NetworkRule(parsing: place, origin: LiveRules.answerOrigin)
        if let rule {
            result.methods = rule.methods
            result.paths = rule.paths
        }
        return result
    }

    /// The beginning of a path that would fill the screen.
    private static func short(_ path: String) -> String { path.count > 100 ? path.prefix(100) + "…" : path }
}
