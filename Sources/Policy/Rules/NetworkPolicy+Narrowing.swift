extension NetworkPolicy {
    /// This policy as far as an edit that nobody has approved lets it stand: the edit can take away, and adds nothing.
    ///
    /// - Parameters:
    ///   - edit: what the edit says without any approval: its denials and its mode hold.
    ///   - wishes: what it would say with all of it approved: what is no longer among that goes.
    public func narrowed(refusing edit: NetworkPolicy, keeping wishes: NetworkPolicy) -> NetworkPolicy {
        let wished = Set(wishes.rules.map(\.withoutOrigin))
        let own = Set(rules.map(\.withoutOrigin))
        var result = self
        result.rules =
            edit.rules.filter { $0.action == .deny && !own.contains($0.withoutOrigin) }
            + rules.filter { $0.action != .allow || wished.contains($0.withoutOrigin) }
        result.hostPorts = hostPorts.filter { wishes.hostPorts.contains($0) }
        let strictness = Mode.allCases
        if let mine = strictness.firstIndex(of: mode), let theirs = strictness.firstIndex(of: edit.mode) {
            result.mode = strictness[min(mine, theirs)]
        }
        return result
    }
}

extension NetworkRule {
    /// The rule alone, wherever it is written: a line that has moved is the same rule.
    var withoutOrigin: NetworkRule {
        var rule = self
        rule.origin = ""
        return rule
    }
}
