import Egress
import LinuxKernel

/// Says at the end of a run what of its traffic was refused; nothing where nothing was.
enum EgressReport {
    /// The most destinations that are listed.
    private static let limit = 10

    static func lines(_ egress: EgressSession) -> [String] {
        var result: [String] = []
        if let failure = egress.failure {
            result.append("coop: \(failure.what): \(failure.why.printable)\nNext: \(failure.next?.printable ?? "coop doctor")\n")
        }
        let refusals = egress.summary.refusals
        for refusal in refusals.prefix(limit) {
            let count = refusal.count > 1 ? " (\(refusal.count) times)" : ""
            var text = "coop: refused \(refusal.reason.printable)\(count)\n"
            if !refusal.next.isEmpty { text += "Next: \(refusal.next.printable)\n" }
            result.append(text)
        }
        let others = max(0, refusals.count - limit) + egress.summary.others
        if others > 0 { result.append("coop: refused \(others) further destinations\nNext: coop audit show --type egress\n") }
        return result
    }
}
