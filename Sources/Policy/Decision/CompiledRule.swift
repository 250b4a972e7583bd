/// A rule in the form that is looked at for every decision.
struct CompiledRule: BitwiseCopyable {
    /// The bits of `MethodTable`; all of them for a rule without methods.
    var methods: UInt64
    /// The smaller one decides: the position in `NetworkPolicy.rules`, with the highest bit set for what is no denial.
    var rank: UInt32
    /// Where its paths begin.
    var firstPath: UInt32
    /// How many it has; 0 for all paths.
    var pathCount: UInt16
    /// The port, 0 for every port.
    var port: UInt16
    /// A second port, or the same again.
    var otherPort: UInt16
    var action: NetworkRule.Action

    /// Sorts denials first.
    static func rank(_ index: Int, _ action: NetworkRule.Action) -> UInt32 { UInt32(index) | (action == .deny ? 0 : 1 << 31) }

    /// The position in `NetworkPolicy.rules`.
    @inline(__always)
    static func index(_ rank: UInt32) -> Int { Int(rank & ~(1 << 31)) }

    /// Whether it looks at requests.
    @inline(__always)
    var isConditional: Bool { methods != .max || pathCount > 0 }

    @inline(__always)
    func covers(_ wanted: UInt16) -> Bool { port == wanted || otherPort == wanted || port == 0 }
}

/// A pattern for paths in the form that is looked at for every decision.
struct CompiledPath: BitwiseCopyable {
    /// Where the pattern stands, in lower case if its rule denies or asks.
    var start: UInt32
    var count: UInt32
    /// How many bytes stand before the first `*`.
    var literalCount: UInt32
    /// The same pattern with `%2F` as `/`, for the second reading of a path.
    var separatedStart: UInt32
    var separatedCount: UInt32
    var separatedLiteralCount: UInt32
    /// Up to eight bytes before the first `*`, the first one lowest, and the bits that they take.
    var head: UInt64
    var headMask: UInt64

    /// Whether the first bytes fit; always for paths shorter than eight.
    @inline(__always)
    func mayBegin(_ path: UnsafeRawBufferPointer) -> Bool {
        guard path.count >= 8, let base = path.baseAddress else { return true }
        return UInt64(littleEndian: base.loadUnaligned(as: UInt64.self)) & headMask == head
    }
}

/// The rules of one host pattern, sorted by rank.
struct CompiledHost: BitwiseCopyable {
    /// Where its rules begin.
    var first: UInt32
    var count: UInt32
    /// The number of the narrowest `*.suffix` that covers all hosts of this one, whose rules hold as well; `SuffixTable.none`
    /// when there is none.
    var wider: UInt32
    /// Where the name stands among the bytes of `SuffixTable`, and how many they are.
    var keyStart: UInt32 = 0
    var keyCount: UInt32 = 0
    /// Whether one of its rules, or of the wider ones, looks at requests.
    var looksAtRequests: Bool
    /// Whether its rules with paths stand in `PathTable`.
    var isIndexed = false
    /// Where the positions of its rules without paths stand in `PathTable.candidates`, if it is indexed.
    var pathlessFirst: UInt32 = 0
    var pathlessCount: UInt32 = 0
}
