import TestSupport
import Testing

@testable import Seccomp

@Suite("Compiled filter programs")
struct FilterProgramTests {
    /// Every set of groups.
    static let policies = (0..<(1 << SyscallGroup.allCases.count)).map { bits in
        SeccompPolicy(groups: SyscallGroup.allCases.enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element))
    }

    @Test("are programs the kernel accepts, small, and short to run", arguments: Architecture.allCases)
    func accepted(architecture: Architecture) throws {
        for policy in FilterProgramTests.policies {
            let interpreter = try BPFInterpreter(policy.program(for: architecture))
            #expect(interpreter.count < 600)
            for number: UInt32 in 0..<600 { #expect(interpreter.steps(audit: architecture.auditNumber, number: number) < 45) }
        }
    }

    @Test("agree with the rules for any call", arguments: Architecture.allCases)
    func agree(architecture: Architecture) throws {
        var generator = SeededGenerator(42)
        for policy in [SeccompPolicy.default, SeccompPolicy(groups: SyscallGroup.allCases)] {
            let filter = policy.filter(for: architecture)
            let interpreter = try BPFInterpreter(policy.program(for: architecture))
            for _ in 0..<20_000 {
                let call = randomCall(filter, &generator)
                let foreign = Int.random(in: 0..<50, using: &generator) == 0
                let audit = foreign ? UInt32.random(in: 0...(.max), using: &generator) : architecture.auditNumber
                let expected = filter.action(audit: audit, number: call.number, arguments: call.arguments).returnValue
                let found = interpreter.run(audit: audit, number: call.number, arguments: call.arguments)
                #expect(found == expected, "\(call)")
                if found != expected { return }
            }
        }
    }

    @Test("agree with random rules, however many and however long")
    func randomRules() throws {
        var generator = SeededGenerator(7)
        for round in 0..<60 {
            var filter = SyscallFilter(.x86_64, otherwise: .errno(1))
            let density = [3, 40, 300][round % 3]
            for _ in 0..<density {
                filter[UInt32.random(in: 0..<512, using: &generator)] = randomRule(longest: round % 3 == 2 ? 3 : 60, &generator)
            }
            let program = filter.program
            guard program.count <= BPFInstruction.limit else { continue }
            let interpreter = try BPFInterpreter(program.bytes)
            for _ in 0..<600 {
                let call = randomCall(filter, &generator)
                let audit = Architecture.x86_64.auditNumber
                let expected = filter.action(audit: audit, number: call.number, arguments: call.arguments).returnValue
                #expect(interpreter.run(audit: audit, number: call.number, arguments: call.arguments) == expected, "\(call)")
            }
        }
    }

    @Test("reach across more than 255 instructions")
    func farJumps() throws {
        var filter = SyscallFilter(.aarch64, otherwise: .killThread)
        // One rule of several hundred tests: each failed clause, and the way around the whole rule, is a far jump.
        let clauses = (0..<120).map { value in
            SyscallRule.Clause(
                [ArgumentTest(0, .equal, UInt64(value)), ArgumentTest(1, .less, UInt64(value) << 32 | 5)], .errno(UInt16(value + 1)))
        }
        filter[100] = SyscallRule("", clauses, otherwise: .log)
        filter[101] = SyscallRule(.allow)
        let interpreter = try BPFInterpreter(filter.program.bytes)
        #expect(interpreter.count > 900)
        let audit = Architecture.aarch64.auditNumber
        for value in 0..<130 as Range<UInt64> {
            for second in [value << 32 | 4, value << 32 | 5, (value + 1) << 32, 0] as [UInt64] {
                let expected = filter.action(audit: audit, number: 100, arguments: [value, second]).returnValue
                #expect(interpreter.run(audit: audit, number: 100, arguments: [value, second]) == expected)
            }
        }
        #expect(interpreter.run(audit: audit, number: 99) == 0)
        #expect(interpreter.run(audit: audit, number: 101) == 0x7FFF_0000)
        #expect(interpreter.run(audit: audit, number: 102) == 0)
    }

    @Test("compare 64-bit arguments at every edge")
    func comparisons() throws {
        let edges: [UInt64] = [
            0, 1, 5, 0xFFFF_FFFE, 0xFFFF_FFFF, 1 << 32, 1 << 32 | 5, 5 << 32, 5 << 32 | 5, 5 << 32 | 6, 6 << 32, .max - 1, .max,
        ]
        let masks: [UInt64] = [.max, 0xFFFF_FFFF, 0xFFFF_FFFF_0000_0000, 0xF, 0, 0x8000_0000_0000_0001]
        for comparison in [ArgumentTest.Comparison.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual] {
            for value in edges {
                for mask in masks {
                    let test = ArgumentTest(5, comparison, value, mask: mask)
                    var filter = SyscallFilter(.x86_64, otherwise: .killProcess)
                    filter[7] = SyscallRule("", [.init([test], .allow)], otherwise: .errno(1))
                    let interpreter = try BPFInterpreter(filter.program.bytes)
                    for argument in edges {
                        let arguments = [0, 0, 0, 0, 0, argument]
                        let found = interpreter.run(audit: Architecture.x86_64.auditNumber, number: 7, arguments: arguments)
                        #expect((found == 0x7FFF_0000) == test.holds(arguments), "\(test) of \(argument)")
                    }
                }
            }
        }
    }

    private func randomRule(longest: Int, _ generator: inout SeededGenerator) -> SyscallRule {
        let actions: [SeccompAction] = [.allow, .errno(1), .errno(38), .killProcess, .killThread, .log, .trap]
        let comparisons: [ArgumentTest.Comparison] = [.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual]
        let clauses = (0..<Int.random(in: 0...longest, using: &generator)).map { _ in
            SyscallRule.Clause(
                (0..<Int.random(in: 1...3, using: &generator)).map { _ in
                    ArgumentTest(
                        Int.random(in: 0..<6, using: &generator), comparisons.randomElement(using: &generator) ?? .equal,
                        interesting(&generator), mask: Bool.random(using: &generator) ? .max : interesting(&generator))
                }, actions.randomElement(using: &generator) ?? .allow)
        }
        return SyscallRule("", clauses, otherwise: actions.randomElement(using: &generator) ?? .allow)
    }

    private func interesting(_ generator: inout SeededGenerator) -> UInt64 {
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: return UInt64.random(in: 0..<64, using: &generator)
        case 1: return 1 << UInt64.random(in: 0..<64, using: &generator)
        case 2: return generator.next()
        case 3: return UInt64(UInt32.random(in: 0...(.max), using: &generator))
        default: return UInt64.random(in: 0..<4, using: &generator) << 32 | UInt64.random(in: 0..<4, using: &generator)
        }
    }

    /// A call that is likely to meet a rule: arguments are often the values of its tests, or next to them.
    private func randomCall(_ filter: SyscallFilter, _ generator: inout SeededGenerator) -> (number: UInt32, arguments: [UInt64]) {
        var number = UInt32.random(in: 0..<520, using: &generator)
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: number = UInt32.random(in: 0...(.max), using: &generator)
        case 1: number |= 0x4000_0000
        case 2...12:
            // Calls with argument tests are few; look for the next one.
            let following = (0..<512).lazy.map { (number + $0) % 512 }
            if let found = following.first(where: { filter[$0]?.clauses.isEmpty == false }) { number = found }
        default: break
        }
        var arguments = (0..<6).map { _ in interesting(&generator) }
        if let clause = filter[number]?.clauses.randomElement(using: &generator) {
            for test in clause.tests {
                let shift = UInt64(bitPattern: Int64.random(in: -1...1, using: &generator))
                arguments[test.index] = test.value &+ (Bool.random(using: &generator) ? shift : 0)
                if Int.random(in: 0..<4, using: &generator) == 0 { arguments[test.index] |= generator.next() & ~test.mask }
            }
        }
        return (number, arguments)
    }
}
