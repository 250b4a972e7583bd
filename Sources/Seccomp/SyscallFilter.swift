/// The rules for the calls of one architecture, and the program that enforces them.
struct SyscallFilter {
    let architecture: Architecture
    /// What happens to calls without a rule, known or not.
    var otherwise: SeccompAction
    private var rules: [SyscallRule?]

    init(_ architecture: Architecture, otherwise: SeccompAction) {
        self.architecture = architecture
        self.otherwise = otherwise
        rules = Array(repeating: nil, count: SyscallTable.limit)
    }

    /// The rule of a call; nil when it has none.
    subscript(number: UInt32) -> SyscallRule? {
        get { number < rules.count ? rules[Int(number)] : nil }
        set { if number < rules.count { rules[Int(number)] = newValue } }
    }

    /// What the program does, worked out without it.
    func action(audit: UInt32, number: UInt32, arguments: [UInt64]) -> SeccompAction {
        guard audit == architecture.auditNumber, !architecture.isForeign(number) else { return .killProcess }
        return self[number]?.action(arguments) ?? otherwise
    }

    // Offsets in struct seccomp_data (seccomp(2)).
    private static let numberOffset = 0
    private static let architectureOffset = 4
    private static func lowOffset(_ argument: Int) -> Int { 16 + 8 * argument }
    private static func highOffset(_ argument: Int) -> Int { 20 + 8 * argument }

    /// A run of numbers with one rule, from `start` to the next run's start.
    private struct Run {
        var start: UInt32
        var rule: SyscallRule
    }

    private var runs: [Run] {
        let unlisted = SyscallRule(otherwise)
        var result: [Run] = []
        result.reserveCapacity(128)
        func add(_ start: UInt32, _ rule: SyscallRule) {
            if let last = result.last, last.rule == rule { return }
            result.append(Run(start: start, rule: rule))
        }
        for (number, rule) in rules.enumerated() { add(UInt32(number), rule ?? unlisted) }
        add(UInt32(rules.count), unlisted)
        if architecture == .x86_64 {
            add(Architecture.x32Bit, SyscallRule(.killProcess))
            add(Architecture.noCall, unlisted)
        }
        return result
    }

    /// The filter program: the architecture, then the number by binary search, then the arguments.
    var program: [BPFInstruction] {
        var assembler = BPFAssembler()
        let runs = runs
        let search = SyscallFilter.search(runs[...], &assembler)
        let number = assembler.load(offset: SyscallFilter.numberOffset, then: search)
        let kill = assembler.end(.killProcess)
        let check = assembler.branch(BPFInstruction.jumpEqual, architecture.auditNumber, then: number, else: kill)
        _ = assembler.load(offset: SyscallFilter.architectureOffset, then: check)
        return assembler.program
    }

    private static func search(_ runs: ArraySlice<Run>, _ assembler: inout BPFAssembler) -> BPFAssembler.Label {
        guard runs.count > 1 else { return runs.first.map { code(for: $0.rule, &assembler) } ?? assembler.end(.killProcess) }
        let middle = runs.startIndex + runs.count / 2
        let upper = search(runs[middle...], &assembler)
        let lower = search(runs[..<middle], &assembler)
        return assembler.branch(BPFInstruction.jumpGreaterOrEqual, runs[middle].start, then: upper, else: lower)
    }

    private static func code(for rule: SyscallRule, _ assembler: inout BPFAssembler) -> BPFAssembler.Label {
        var next = assembler.end(rule.otherwise)
        for clause in rule.clauses.reversed() {
            let failed = next
            next = assembler.end(clause.action)
            for test in clause.tests.reversed() { next = code(for: test, then: next, else: failed, &assembler) }
        }
        return next
    }

    private static func code(
        for test: ArgumentTest, then yes: BPFAssembler.Label, else no: BPFAssembler.Label, _ assembler: inout BPFAssembler
    ) -> BPFAssembler.Label {
        let high = UInt32(test.value >> 32)
        let low = UInt32(truncatingIfNeeded: test.value)
        let highMask = UInt32(test.mask >> 32)
        let lowMask = UInt32(truncatingIfNeeded: test.mask)
        // `<` and `<=` are `>=` and `>` with the ways exchanged.
        let (holds, fails) =
            switch test.comparison {
            case .equal, .greater, .greaterOrEqual: (yes, no)
            case .notEqual, .less, .lessOrEqual: (no, yes)
            }
        let lowCode =
            switch test.comparison {
            case .equal, .notEqual: BPFInstruction.jumpEqual
            case .greater, .lessOrEqual: BPFInstruction.jumpGreater
            case .greaterOrEqual, .less: BPFInstruction.jumpGreaterOrEqual
            }
        var label = assembler.branch(lowCode, low, then: holds, else: fails)
        label = assembler.and(lowMask, then: label)
        label = assembler.load(offset: lowOffset(test.index), then: label)
        // Only the lower half counts: no need to look at the upper one.
        if highMask == 0, high == 0 { return label }
        label = assembler.branch(BPFInstruction.jumpEqual, high, then: label, else: fails)
        if lowCode != BPFInstruction.jumpEqual {
            label = assembler.branch(BPFInstruction.jumpGreater, high, then: holds, else: label)
        }
        label = assembler.and(highMask, then: label)
        return assembler.load(offset: highOffset(test.index), then: label)
    }
}
