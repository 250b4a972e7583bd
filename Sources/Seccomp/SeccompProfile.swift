import CoopErrors

/// A seccomp profile in the format of Docker and the OCI runtime specification (`--seccomp FILE`).
///
/// It becomes a second filter on top of the built-in one. The kernel takes the stricter of the two answers, so a profile
/// can only narrow. Rules with capabilities are read as for a process that has none.
///
/// Where several rules of a profile fit one call, the strictest decides (libseccomp leaves that open, or prefers the
/// rule without arguments).
public struct SeccompProfile: Sendable, Equatable {
    /// When a rule applies at all: `includes` and `excludes`.
    struct Condition: Sendable, Equatable {
        var capabilities: [String] = []
        var architectures: [String] = []
        var minimumKernel: KernelRelease?
    }

    /// One entry of `syscalls`.
    struct Rule: Sendable, Equatable {
        var names: [String]
        var action: SeccompAction
        var tests: [ArgumentTest]
        var includes = Condition()
        var excludes = Condition()

        /// The clauses of the rule: all tests together, or, where two are about one argument, each on its own (what
        /// container runtimes do, because libseccomp took one test an argument).
        var clauses: [[ArgumentTest]] {
            Set(tests.map(\.index)).count == tests.count ? [tests] : tests.map { [$0] }
        }

        func applies(architecture: Architecture, kernel: KernelRelease) -> Bool {
            let here = [architecture.containerName, architecture.rawValue]
            if !includes.capabilities.isEmpty { return false }
            if !includes.architectures.isEmpty, !includes.architectures.contains(where: here.contains) { return false }
            if let minimum = includes.minimumKernel, kernel < minimum { return false }
            // No capability is held, so `excludes.capabilities` excludes nothing.
            if excludes.architectures.contains(where: here.contains) { return false }
            if let minimum = excludes.minimumKernel, kernel >= minimum { return false }
            return true
        }
    }

    /// The file that the profile came from, for errors.
    public let path: String
    /// What the profile says that has no effect here, in sentences.
    public internal(set) var notes: [String]
    let defaultAction: SeccompAction
    let rules: [Rule]

    init(path: String, notes: [String], defaultAction: SeccompAction, rules: [Rule]) {
        self.path = path
        self.notes = notes
        self.defaultAction = defaultAction
        self.rules = rules
    }

    /// Reads a profile.
    ///
    /// - Throws: `configuration` with `file:line:column`.
    public init(json: [UInt8], path: String) throws(CoopError) {
        var reader = SeccompProfileReader(json: json, path: path)
        self = try reader.read()
    }

    /// The second filter: to be installed after the built-in one, because a profile may forbid seccomp(2) itself.
    ///
    /// - Parameter kernelRelease: the running kernel, as uname(2) gives it.
    /// - Throws: `configuration` when the profile forbids execve, or is larger than the kernel takes.
    public func program(for architecture: Architecture = .current, kernelRelease: String) throws(CoopError) -> [UInt8] {
        let filter = try filter(for: architecture, kernelRelease: kernelRelease)
        let program = filter.program
        guard program.count <= BPFInstruction.limit else {
            throw CoopError(
                .configuration, "cannot use the seccomp profile",
                "\(path): it becomes \(program.count) instructions, and the kernel takes \(BPFInstruction.limit)", next: "$EDITOR \(path)")
        }
        return program.bytes
    }

    /// What the profile alone does with one call.
    public func action(
        for architecture: Architecture = .current, kernelRelease: String, number: UInt32, arguments: [UInt64] = []
    ) throws(CoopError) -> SeccompAction {
        try filter(for: architecture, kernelRelease: kernelRelease)
            .action(audit: architecture.auditNumber, number: number, arguments: arguments)
    }

    /// What the profile alone allows, checks and denies.
    public func describe(for architecture: Architecture = .current, kernelRelease: String) throws(CoopError) -> PolicyDescription {
        PolicyDescription(try filter(for: architecture, kernelRelease: kernelRelease), groups: [])
    }

    func filter(for architecture: Architecture, kernelRelease: String) throws(CoopError) -> SyscallFilter {
        guard let kernel = KernelRelease(kernelRelease) else {
            throw CoopError(.failed, "cannot use the seccomp profile", "'\(kernelRelease)' is not a kernel release", next: "uname -r")
        }
        let table = SyscallTable.of(architecture)
        var clauses: [UInt32: [SyscallRule.Clause]] = [:]
        for rule in rules where rule.applies(architecture: architecture, kernel: kernel) {
            for number in rule.names.compactMap(table.number) {
                clauses[number, default: []].append(contentsOf: rule.clauses.map { .init($0, rule.action) })
            }
        }
        var filter = SyscallFilter(architecture, otherwise: defaultAction)
        for (number, all) in clauses {
            // A stable order by strictness: the first clause that holds is then the strictest.
            let sorted = all.enumerated().sorted {
                ($0.element.action.precedence, $0.offset) < ($1.element.action.precedence, $1.offset)
            }.map(\.element)
            let end = sorted.firstIndex { $0.tests.isEmpty }
            let tested = sorted[..<(end ?? sorted.endIndex)]
            filter[number] = SyscallRule("", Array(tested), otherwise: end.map { sorted[$0].action } ?? defaultAction)
        }
        for name in ["execve", "exit_group"] {
            guard let number = table.number(of: name) else { continue }
            let rule = filter[number] ?? SyscallRule(defaultAction)
            if rule.clauses.isEmpty, rule.otherwise != .allow, rule.otherwise != .log {
                throw CoopError(
                    .configuration, "cannot use the seccomp profile", "\(path): it forbids \(name), so no command could run",
                    next: "allow \(name) in \(path)")
            }
        }
        return filter
    }
}

/// The version of a kernel, as far as profiles ask for it.
public struct KernelRelease: Sendable, Equatable, Comparable {
    public var major: Int
    public var minor: Int

    /// Reads `6.18.44-generic`, `4.8`; nil when it does not start with two numbers.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let major = Int(parts[0]), major >= 0 else { return nil }
        let digits = parts[1].prefix { $0 >= "0" && $0 <= "9" }
        guard let minor = Int(digits) else { return nil }
        self.major = major
        self.minor = minor
    }

    public static func < (left: KernelRelease, right: KernelRelease) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
