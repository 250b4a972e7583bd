import CoopErrors

/// The built-in system call policy: an allow-list with groups that widen it.
///
/// What it does not know fails with `ENOSYS`, so that programs fall back as on an older kernel; what is dangerous fails
/// with the error that programs expect when they lack the privilege; calls of foreign architectures end the process.
public struct SeccompPolicy: Sendable, Equatable, Codable {
    /// The groups that are allowed beyond the default, in alphabetical order.
    public private(set) var groups: [SyscallGroup]

    public init(groups: some Sequence<SyscallGroup> = []) {
        self.groups = Set(groups).sorted()
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(groups: try container.decode([SyscallGroup].self, forKey: .groups))
    }

    /// The policy without any group.
    public static let `default` = SeccompPolicy()

    /// This policy, widened by named groups.
    ///
    /// - Throws: `usage` for a name that is no group, with the nearest one.
    public func adding(_ names: some Sequence<String>) throws(CoopError) -> SeccompPolicy {
        var all = groups
        for name in names {
            guard let group = SyscallGroup(rawValue: name) else {
                let known = SyscallGroup.allCases.map(\.rawValue).sorted()
                let hint = nearest(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
                throw CoopError(
                    .usage, "cannot allow system calls", "there is no group '\(name)'\(hint)",
                    next: "use one of: \(known.joined(separator: ", "))")
            }
            all.append(group)
        }
        return SeccompPolicy(groups: all)
    }

    /// The filter program for `PR_SET_SECCOMP` or seccomp(2): `sock_filter` structures of eight bytes each.
    public func program(for architecture: Architecture = .current) -> [UInt8] {
        instructions(for: architecture).bytes
    }

    /// The filter program, at most `BPFInstruction.limit` instructions.
    public func instructions(for architecture: Architecture = .current) -> [BPFInstruction] {
        filter(for: architecture).program
    }

    /// What the filter does with one call, worked out from the rules and not from the program.
    ///
    /// - Parameters:
    ///   - audit: the architecture that the call is made under (`AUDIT_ARCH_…`).
    ///   - number: the call.
    ///   - arguments: up to six; the ones that are left out are zero.
    public func action(
        for architecture: Architecture = .current, audit: UInt32? = nil, number: UInt32, arguments: [UInt64] = []
    ) -> SeccompAction {
        filter(for: architecture).action(audit: audit ?? architecture.auditNumber, number: number, arguments: arguments)
    }

    func filter(for architecture: Architecture) -> SyscallFilter {
        let table = SyscallTable.of(architecture)
        var filter = SyscallFilter(architecture, otherwise: .errno(ErrorNumber.ENOSYS))
        for entry in BuiltInRules.entries(groups: groups) {
            entry.names.forEachWord { name in
                if let number = table.number(of: name) { filter[number] = entry.rule }
            }
        }
        return filter
    }
}

/// The known word that a mistyped one most resembles; nil when none is close (a third of its letters, at least two).
func nearest(to word: String, among known: [String]) -> String? {
    let letters = Array(word.utf8)
    var best: (name: String, distance: Int)?
    for name in known {
        let other = Array(name.utf8)
        // Long input is not a typing error; the table below grows with both lengths.
        guard letters.count <= 2 * other.count + 2 else { continue }
        var row = Array(0...other.count)
        for (i, a) in letters.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in other.enumerated() {
                let cost = min(diagonal + (a == b ? 0 : 1), row[j] + 1, row[j + 1] + 1)
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        let distance = row[other.count]
        if distance <= max(2, other.count / 3), distance < best?.distance ?? .max { best = (name, distance) }
    }
    return best?.name
}
