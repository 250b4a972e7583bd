/// A policy for one of coop's own processes: the calls it makes, and nothing else.
///
/// Unlike `SeccompPolicy` it need not suit any program: a call that is not listed fails with `EPERM` and is a mistake of coop's
/// or an attack. Calls of foreign architectures end the process.
public struct SyscallAllowList: Sendable {
    /// Calls with one rule.
    public struct Entry: Sendable {
        /// Names separated by spaces. An architecture skips those that it does not have.
        public var names: StaticString
        public var rule: SyscallRule

        public init(_ names: StaticString, _ rule: SyscallRule = SyscallRule(.allow)) {
            self.names = names
            self.rule = rule
        }
    }

    public var entries: [Entry]

    /// - Parameter entries: a later entry replaces an earlier one.
    public init(_ entries: [Entry]) { self.entries = entries }

    /// The filter program for seccomp(2): `sock_filter` structures of eight bytes each.
    public func program(for architecture: Architecture = .current) -> [UInt8] { filter(for: architecture).program.bytes }

    /// What the filter does with one call, worked out from the rules and not from the program.
    public func action(for architecture: Architecture = .current, name: String, arguments: [UInt64] = []) -> SeccompAction? {
        SyscallTable.of(architecture).number(of: name).map {
            filter(for: architecture).action(audit: architecture.auditNumber, number: $0, arguments: arguments)
        }
    }

    private func filter(for architecture: Architecture) -> SyscallFilter {
        let table = SyscallTable.of(architecture)
        var filter = SyscallFilter(architecture, otherwise: .errno(ErrorNumber.EPERM))
        for entry in entries {
            entry.names.forEachWord { name in
                if let number = table.number(of: name) { filter[number] = entry.rule }
            }
        }
        return filter
    }
}
