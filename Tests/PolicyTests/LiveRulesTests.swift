import Testing

@testable import Policy

@Suite struct LiveRulesTests {
    private func decision(_ policy: NetworkPolicy, _ host: String) throws -> NetworkRule.Action {
        try CompiledNetworkPolicy(policy).decide(HostName(untrusted: host.utf8), port: 443).action
    }

    @Test("the last word on the same hosts counts, and a denial wins over everything else")
    func order() throws {
        let base = NetworkPolicy(rules: [try NetworkRule(parsing: "*.example.com", action: .ask, origin: "x")])
        var live = LiveRules()
        live.add([try LiveRules.rule(.allow, "a.example.com"), try LiveRules.rule(.allow, "b.example.com")])
        #expect(try decision(live.applied(to: base), "a.example.com") == .allow)
        live.add([try LiveRules.rule(.deny, "a.example.com")])
        #expect(try decision(live.applied(to: base), "a.example.com") == .deny)
        live.add([try LiveRules.rule(.allow, "a.example.com")])
        #expect(live.rules.count == 2)
        #expect(try decision(live.applied(to: base), "a.example.com") == .allow)
        live.add([try LiveRules.rule(.deny, "*.example.com")])
        #expect(try decision(live.applied(to: base), "b.example.com") == .deny)
    }

    @Test("an edit without approval can take away, and adds nothing")
    func narrowing() throws {
        func policy(_ rules: [(NetworkRule.Action, String)], mode: NetworkPolicy.Mode = .scoped, ports: [UInt16] = []) throws
            -> NetworkPolicy
        {
            NetworkPolicy(
                mode: mode, rules: try rules.map { try NetworkRule(parsing: $0.1, action: $0.0, origin: "line \(Int.random(in: 1...99))") },
                hostPorts: ports)
        }
        let approved = try policy([(.deny, "d.example.com"), (.allow, "a.example.com"), (.allow, "b.example.com")], ports: [1, 2])
        // It no longer denies `d` nor wants `b`, denies `a`, and wants `c` and the whole internet.
        let edit = try policy([(.deny, "a.example.com")])
        let wishes = try policy(
            [(.deny, "a.example.com"), (.allow, "c.example.com"), (.allow, "d.example.com")], mode: .open, ports: [2, 3])
        let result = approved.narrowed(refusing: edit, keeping: wishes)
        #expect(result.mode == .scoped && result.hostPorts == [2])
        for host in ["a", "b", "c", "d"] { #expect(try decision(result, "\(host).example.com") == .deny, "\(host)") }
        #expect(approved.narrowed(refusing: try policy([], mode: .none), keeping: approved).mode == .none)
        // A line that has moved is the same rule.
        let moved = try policy([(.allow, "b.example.com"), (.allow, "a.example.com")])
        #expect(try decision(approved.narrowed(refusing: try policy([]), keeping: moved), "a.example.com") == .allow)
    }
}
