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
        let refusals = egress.summary.refusals.filter { !$0.isOptional }.map { ($0.reason, $0.next, $0.count) }
        return result + lines(refusals, others: egress.summary.others)
    }

    /// What was refused in a sandbox that lives on, between two looks at it.
    static func lines(from before: NetworkState, to after: NetworkState) -> [String] {
        let refusals = after.refusals.map { refusal in
            let old = before.refusals.first { $0.place == refusal.place && $0.reason == refusal.reason }
            return (refusal.reason, refusal.next, refusal.count - (old?.count ?? 0))
        }
        let failure = before.failure == nil ? after.failure.map { ["coop: \($0.printable)\nNext: coop doctor\n"] } : nil
        return (failure ?? []) + lines(refusals.filter { $0.2 > 0 }, others: 0)
    }

    private static func lines(_ refusals: [(reason: String, next: String, count: Int)], others: Int) -> [String] {
        var result: [String] = []
        for refusal in refusals.prefix(limit) {
            let count = refusal.count > 1 ? " (\(refusal.count) times)" : ""
            var text = "coop: refused \(refusal.reason.printable)\(count)\n"
            if !refusal.next.isEmpty { text += "Next: \(refusal.next.printable)\n" }
            result.append(text)
        }
        let more = max(0, refusals.count - limit) + others
        if more > 0 { result.append("coop: refused \(more) further destinations\nNext: coop audit show --type egress\n") }
        return result
    }
}
