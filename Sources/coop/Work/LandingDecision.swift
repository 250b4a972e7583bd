import Review

/// What was decided about what the host would execute or trust.
struct LandingDecision {
    /// One finding and what was decided, as reports and the audit log have it.
    struct Finding: Encodable {
        var path: String
        var kind: String
        var rule: String
        var reason: String
        /// `accepted` or `refused`.
        var decision: String
        var by: String
    }

    /// Who decided.
    enum Decider: String {
        case person = "terminal"
        case option = "--accept"
        /// Nobody could be asked.
        case nobody
    }

    /// What the audit log gets: a line for each finding, and one for many paths that were decided about together.
    struct Entry {
        var path: String
        /// What was decided about.
        var changes: [Change]
        var rule: String
        var isAccepted: Bool
        var decider: Decider

        /// What tells the contents that were decided about from every other.
        var digest: String { changes.count == 1 ? ContentDigest.text(of: changes[0].after) : ContentDigest.text(of: changes) }
    }

    private(set) var findings: [Finding] = []
    private(set) var entries: [Entry] = []
    /// Paths that are left out, moves with both ends.
    private(set) var refused: [String] = []
    /// The user has stopped: nothing lands.
    var isQuit = false

    mutating func add(_ item: LandingItem, isAccepted: Bool, by decider: Decider) {
        findings += item.findings.map {
            Finding(
                path: $0.path, kind: $0.kind.rawValue, rule: $0.rule, reason: $0.reason, decision: isAccepted ? "accepted" : "refused",
                by: decider.rawValue)
        }
        if item.paths.count > 1, let first = item.findings.first {
            entries.append(
                Entry(path: item.pattern, changes: item.changes, rule: first.rule, isAccepted: isAccepted, decider: decider))
        } else {
            entries += item.findings.map {
                Entry(path: $0.path, changes: item.changes, rule: $0.rule, isAccepted: isAccepted, decider: decider)
            }
        }
        if !isAccepted { refused += item.paths + item.origins }
    }
}
