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

    private(set) var findings: [Finding] = []
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
        if !isAccepted { refused += item.paths + item.origins }
    }
}
