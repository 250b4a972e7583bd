/// What the worker holds back from the supervisor so that a flood inside does not become one outside.
struct IncidentBudget {
    /// Incidents a second that are told one by one.
    static let perSecond = 100

    private var left = perSecond
    private var suppressed = 0

    /// Whether the next incident may be told.
    mutating func spend() -> Bool {
        guard left > 0 else {
            suppressed += 1
            return false
        }
        left -= 1
        return true
    }

    /// Begins the next second.
    ///
    /// - Returns: how many were not told in the last one.
    mutating func refill() -> Int {
        defer { (left, suppressed) = (IncidentBudget.perSecond, 0) }
        return suppressed
    }
}
