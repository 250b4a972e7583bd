/// The system calls of one architecture: names and numbers.
public struct SyscallTable: Sendable {
    /// The names by number; an empty name is a number without a call.
    let names: [String]
    private let numbers: [String: UInt32]

    /// The table of an architecture, made on first use.
    public static func of(_ architecture: Architecture) -> SyscallTable {
        switch architecture {
        case .x86_64: x86_64
        case .aarch64: aarch64
        }
    }

    private static let x86_64 = SyscallTable(SyscallNumbers.x86_64)
    private static let aarch64 = SyscallTable(SyscallNumbers.aarch64)
    private static let elsewhere = Set(SyscallNumbers.elsewhere.words)

    /// Every number is below this.
    static let limit = 512

    private init(_ text: StaticString) {
        var names = [String](repeating: "", count: SyscallTable.limit)
        var numbers: [String: UInt32] = [:]
        numbers.reserveCapacity(SyscallTable.limit)
        var next = 0
        text.forEachWord { word in
            if let start = Int(word) {
                next = start
            } else {
                names[next] = word
                numbers[word] = UInt32(next)
                next += 1
            }
        }
        self.names = names
        self.numbers = numbers
    }

    /// The number of a call; nil when this architecture does not have it.
    public func number(of name: String) -> UInt32? { numbers[name] }

    /// The name of a number; nil when it is not assigned.
    public func name(of number: UInt32) -> String? {
        guard number < names.count, !names[Int(number)].isEmpty else { return nil }
        return names[Int(number)]
    }

    /// All names in alphabetical order.
    public var allNames: [String] { numbers.keys.sorted() }

    /// Whether any architecture has a call of this name.
    static func isKnownAnywhere(_ name: String) -> Bool {
        Architecture.allCases.contains { of($0).number(of: name) != nil } || elsewhere.contains(name)
    }
}

extension StaticString {
    /// Calls `body` with each word of a text whose words are separated by single spaces.
    func forEachWord(_ body: (String) -> Void) {
        withUTF8Buffer { bytes in
            var start = 0
            for index in 0...bytes.count where index == bytes.count || bytes[index] == 0x20 {
                if index > start { body(String(decoding: bytes[start..<index], as: UTF8.self)) }
                start = index + 1
            }
        }
    }

    /// The words of a text whose words are separated by single spaces.
    var words: [String] {
        var result: [String] = []
        forEachWord { result.append($0) }
        return result
    }
}
