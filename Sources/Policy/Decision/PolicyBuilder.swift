import CoopErrors

/// Gathers the rules of a policy by host, in the layout of `CompiledNetworkPolicy`.
struct PolicyBuilder {
    private struct PathList: Hashable {
        var paths: [PathPattern]
        var isLoose: Bool
    }

    private let policy: NetworkPolicy
    private var pathLists: [PathList: Int] = [:]
    private(set) var names: [String: UInt32] = [:]
    private(set) var suffixes: [String: UInt32] = [:]
    private(set) var addresses: [IPAddress: UInt32] = [:]
    private(set) var hosts: [CompiledHost] = []
    private(set) var rules: [CompiledRule] = []
    private(set) var paths: [CompiledPath] = []
    private(set) var patterns: [UInt8] = []
    private(set) var methods: [String] = []
    /// For `PathTable`.
    private(set) var pathEntries: [PathKey: [UInt32]] = [:]
    private(set) var candidates: [UInt32] = []

    init(_ policy: NetworkPolicy) throws(CoopError) {
        self.policy = policy
        methods = Set(policy.rules.flatMap(\.methods)).sorted()
        guard methods.count <= MethodTable.countLimit else {
            let why = "its rules name \(methods.count) different HTTP methods, more than \(MethodTable.countLimit)"
            throw CoopError(.configuration, "cannot compile the network policy", why, next: "coop policy show")
        }
        for rule in policy.rules where rule.paths.count > NetworkRule.pathLimit {
            let why = "it has \(rule.paths.count) paths, more than \(NetworkRule.pathLimit)"
            throw CoopError(.configuration, "cannot compile the rule of \(rule.origin)", why, next: "split it into several rules")
        }
    }

    /// Lays the rules of each host side by side, by rank.
    mutating func addRules() {
        var byHost: [HostPattern.Hosts: [CompiledRule]] = [:]
        // Denials come first, whatever their place.
        let order =
            policy.rules.indices.filter { policy.rules[$0].action == .deny }
            + policy.rules.indices.filter { policy.rules[$0].action != .deny }
        for index in order {
            let rule = compile(policy.rules[index], index: index)
            byHost[policy.rules[index].host.hosts, default: []].append(rule)
        }
        for (pattern, found) in byHost {
            let kept = PolicyBuilder.effective(found)
            let number = UInt32(hosts.count)
            hosts.append(
                CompiledHost(
                    first: UInt32(rules.count), count: UInt32(kept.count), wider: SuffixTable.none,
                    looksAtRequests: kept.contains(where: \.isConditional)))
            rules += kept
            if kept.count(where: { $0.pathCount > 0 }) > PathTable.threshold { indexPaths(number) }
            switch pattern {
            case .name(let name): names[name.text] = number
            case .below(let suffix): suffixes[suffix.text] = number
            case .address(let address): addresses[address] = number
            }
        }
        for (name, number) in names { hosts[Int(number)].wider = wider(than: name) }
        for (name, number) in suffixes { hosts[Int(number)].wider = wider(than: name) }
        for number in hosts.indices { hosts[number].looksAtRequests = looksAtRequests(UInt32(number)) }
    }

    private func looksAtRequests(_ number: UInt32) -> Bool {
        var next = number
        while next != SuffixTable.none {
            if hosts[Int(next)].looksAtRequests { return true }
            next = hosts[Int(next)].wider
        }
        return false
    }

    /// Makes the rules of a host findable by path.
    private mutating func indexPaths(_ number: UInt32) {
        let host = hosts[Int(number)]
        hosts[Int(number)].isIndexed = true
        hosts[Int(number)].pathlessFirst = UInt32(candidates.count)
        for position in host.first..<host.first + host.count {
            let rule = rules[Int(position)]
            if rule.pathCount == 0 { candidates.append(position) }
            for pattern in Set(policy.rules[CompiledRule.index(rule.rank)].paths.map { PathKey(host: number, pattern: $0) }) {
                pathEntries[pattern, default: []].append(position)
            }
        }
        hosts[Int(number)].pathlessCount = UInt32(candidates.count) - hosts[Int(number)].pathlessFirst
    }

    /// The narrowest `*.suffix` that covers the name.
    private func wider(than name: String) -> UInt32 {
        var rest = name[...]
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            if let number = suffixes[String(rest)] { return number }
        }
        return SuffixTable.none
    }

    private mutating func compile(_ rule: NetworkRule, index: Int) -> CompiledRule {
        let first = compile(rule.paths, isLoose: rule.action != .allow)
        let bits = rule.methods.reduce(UInt64(0)) { bits, method in methods.firstIndex(of: method).map { bits | 1 << UInt64($0) } ?? bits }
        let (port, other): (UInt16, UInt16) =
            if let only = rule.host.port { (only, only) } else if rule.action == .deny { (0, 0) } else { (443, 80) }
        return CompiledRule(
            methods: rule.methods.isEmpty ? .max : bits, rank: CompiledRule.rank(index, rule.action), firstPath: UInt32(first),
            pathCount: UInt16(rule.paths.count), port: port, otherPort: other, action: rule.action)
    }

    /// Where the paths begin. The same paths, as many hosts have them, stand there once.
    private mutating func compile(_ wanted: [PathPattern], isLoose: Bool) -> Int {
        let list = PathList(paths: wanted, isLoose: isLoose)
        if let known = pathLists[list] { return known }
        let first = paths.count
        for path in wanted { paths.append(compile(path, isLoose: isLoose)) }
        pathLists[list] = first
        return first
    }

    private mutating func compile(_ path: PathPattern, isLoose: Bool) -> CompiledPath {
        let literal = Array(path.text.utf8).map { isLoose ? PathMatch.lower($0) : $0 }
        let separated = PolicyBuilder.separated(literal)
        let head = literal.prefix(Int(min(8, PolicyBuilder.literalCount(literal))))
        let result = CompiledPath(
            start: UInt32(patterns.count), count: UInt32(literal.count), literalCount: PolicyBuilder.literalCount(literal),
            separatedStart: UInt32(patterns.count + literal.count), separatedCount: UInt32(separated.count),
            separatedLiteralCount: PolicyBuilder.literalCount(separated),
            head: head.reversed().reduce(0) { $0 << 8 | UInt64($1) }, headMask: head.isEmpty ? 0 : UInt64.max >> UInt64(64 - 8 * head.count)
        )
        patterns += literal + separated
        return result
    }

    private static func literalCount(_ pattern: [UInt8]) -> UInt32 {
        UInt32(pattern.firstIndex(of: UInt8(ascii: "*")) ?? pattern.count)
    }

    private static func separated(_ pattern: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < pattern.count {
            let isSlash =
                index + 2 < pattern.count && pattern[index] == UInt8(ascii: "%") && pattern[index + 1] == UInt8(ascii: "2")
                && PathMatch.lower(pattern[index + 2]) == UInt8(ascii: "f")
            result.append(isSlash ? UInt8(ascii: "/") : pattern[index])
            index += isSlash ? 3 : 1
        }
        return result
    }

    /// Without the rules that an earlier one of the same host leaves no request to.
    private static func effective(_ rules: [CompiledRule]) -> [CompiledRule] {
        var kept: [CompiledRule] = []
        var settled: Set<UInt32> = []
        for rule in rules {
            let ports = UInt32(rule.port) << 16 | UInt32(rule.otherPort)
            if settled.contains(ports) || settled.contains(0) { continue }
            kept.append(rule)
            if !rule.isConditional { settled.insert(ports) }
        }
        return kept
    }
}
