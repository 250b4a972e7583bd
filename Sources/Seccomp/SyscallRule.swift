/// A test of one argument of a system call: `(argument & mask) <comparison> value`, unsigned, 64 bits.
///
/// A filter sees the whole register, but the kernel takes most arguments as 32-bit integers and ignores the upper half.
/// A test of such an argument must mask the upper half away, or a caller walks around it by setting a bit there
/// (CVE-2019-10063).
public struct ArgumentTest: Hashable, Sendable {
    public enum Comparison: String, Sendable, Hashable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }

    /// The argument's position, 0…5.
    public var index: Int
    public var comparison: Comparison
    public var value: UInt64
    public var mask: UInt64

    public init(_ index: Int, _ comparison: Comparison, _ value: UInt64, mask: UInt64 = .max) {
        self.index = index
        self.comparison = comparison
        self.value = value
        self.mask = mask
    }

    /// A test of an argument that the kernel takes as a 32-bit integer.
    static func int(_ index: Int, _ comparison: Comparison = .equal, _ value: UInt32) -> ArgumentTest {
        ArgumentTest(index, comparison, UInt64(value), mask: 0xFFFF_FFFF)
    }

    /// A test of some bits of an argument.
    static func bits(_ index: Int, _ mask: UInt32, _ comparison: Comparison = .equal, _ value: UInt32) -> ArgumentTest {
        ArgumentTest(index, comparison, UInt64(value), mask: UInt64(mask))
    }

    /// Whether the test holds for these six arguments.
    func holds(_ arguments: [UInt64]) -> Bool {
        let argument = (index < arguments.count ? arguments[index] : 0) & mask
        switch comparison {
        case .equal: return argument == value
        case .notEqual: return argument != value
        case .less: return argument < value
        case .lessOrEqual: return argument <= value
        case .greater: return argument > value
        case .greaterOrEqual: return argument >= value
        }
    }
}

extension ArgumentTest: CustomStringConvertible {
    /// `arg0 & 0xf == 0x3`
    public var description: String {
        let left = mask == .max ? "arg\(index)" : "arg\(index) & 0x\(String(mask, radix: 16))"
        return "\(left) \(comparison.rawValue) 0x\(String(value, radix: 16))"
    }
}

/// What happens to one system call: the first clause whose tests all hold decides, else `otherwise`.
public struct SyscallRule: Hashable, Sendable {
    public struct Clause: Hashable, Sendable {
        /// All must hold.
        public var tests: [ArgumentTest]
        public var action: SeccompAction

        public init(_ tests: [ArgumentTest], _ action: SeccompAction) {
            self.tests = tests
            self.action = action
        }
    }

    public var clauses: [Clause]
    public var otherwise: SeccompAction
    /// The rule in words, for `coop explain`; empty for a rule without clauses.
    public var summary: String

    /// The same action whatever the arguments are.
    public init(_ action: SeccompAction) {
        clauses = []
        otherwise = action
        summary = ""
    }

    public init(_ summary: String, _ clauses: [Clause], otherwise: SeccompAction) {
        self.summary = summary
        self.clauses = clauses
        self.otherwise = otherwise
    }

    /// The action for these arguments.
    func action(_ arguments: [UInt64]) -> SeccompAction {
        clauses.first { $0.tests.allSatisfy { $0.holds(arguments) } }?.action ?? otherwise
    }
}
