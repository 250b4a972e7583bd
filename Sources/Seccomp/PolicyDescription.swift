/// A policy as `coop explain` shows it. Lists are in alphabetical order.
public struct PolicyDescription: Sendable, Equatable, Codable {
    /// A group in force and what it gives away.
    public struct Group: Sendable, Equatable, Codable {
        public var name: String
        public var cost: String
    }

    /// Calls that never happen, by what happens instead (`EPERM`, `ENOSYS`, `kill-process` …).
    public struct Denied: Sendable, Equatable, Codable {
        public var action: String
        public var syscalls: [String]
    }

    /// A call whose arguments decide.
    public struct Checked: Sendable, Equatable, Codable {
        public var syscall: String
        /// The rule in words; empty in a profile of the user's.
        public var summary: String
        /// The rule exactly: `arg1 & 0xffffffff == 0x5412: EPERM`, the first that holds.
        public var rules: [String]
    }

    public var architecture: Architecture
    public var groups: [Group]
    public var allowed: [String]
    public var checked: [Checked]
    public var denied: [Denied]
    /// What happens to calls that are not listed here.
    public var otherwise: String
    /// What happens to calls of other architectures.
    public var foreignArchitecture: String

    init(_ filter: SyscallFilter, groups: [SyscallGroup]) {
        architecture = filter.architecture
        self.groups = groups.map { Group(name: $0.rawValue, cost: $0.cost) }
        allowed = []
        checked = []
        otherwise = filter.otherwise.description
        foreignArchitecture = SeccompAction.killProcess.description
        var others: [String: [String]] = [:]
        let table = SyscallTable.of(filter.architecture)
        for name in table.allNames {
            let rule = table.number(of: name).flatMap { filter[$0] } ?? SyscallRule(filter.otherwise)
            if !rule.clauses.isEmpty {
                let rules = rule.clauses.map { clause in
                    "\(clause.tests.map(\.description).joined(separator: " and ")): \(clause.action)"
                }
                checked.append(Checked(syscall: name, summary: rule.summary, rules: rules + ["otherwise: \(rule.otherwise)"]))
            } else if rule.otherwise == .allow {
                allowed.append(name)
            } else {
                others[rule.otherwise.description, default: []].append(name)
            }
        }
        denied = others.sorted { $0.key < $1.key }.map { Denied(action: $0.key, syscalls: $0.value) }
    }
}

extension SeccompPolicy {
    /// What is allowed, checked and denied, and the groups in force.
    public func describe(for architecture: Architecture = .current) -> PolicyDescription {
        PolicyDescription(filter(for: architecture), groups: groups)
    }
}
