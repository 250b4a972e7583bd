import TestSupport
import Testing

@testable import Substitution

@Suite struct StreamReplacerTests {
    /// What the replacer should do, written as plainly as possible.
    static func reference(_ input: [UInt8], _ pairs: [PatternTable.Pair]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < input.count {
            var best: PatternTable.Pair?
            for pair in pairs where pair.pattern.count >= 2 && input[index...].starts(with: pair.pattern) {
                if pair.pattern.count > best?.pattern.count ?? 0 { best = pair }
            }
            if let best {
                result += best.replacement
                index += best.pattern.count
            } else {
                result.append(input[index])
                index += 1
            }
        }
        return result
    }

    static func run(_ pieces: [[UInt8]], _ table: PatternTable) -> [UInt8] {
        let replacer = StreamReplacer(table)
        var result: [UInt8] = []
        for piece in pieces { piece.withUnsafeBytes { replacer.process($0) { result.append(contentsOf: $0) } } }
        replacer.finish { result.append(contentsOf: $0) }
        return result
    }

    @Test func everySplitInTwoAndThreeGivesTheSame() {
        let pairs = [
            PatternTable.Pair(Array("stub-aaaa".utf8), Array("SECRET".utf8)),
            PatternTable.Pair(Array("stub-aaaa-long".utf8), Array("other".utf8)),
            PatternTable.Pair(Array("aa-lo".utf8), []),
        ]
        let table = PatternTable(pairs)
        let input = Array("xstub-aaaa-lostub-aaaa-longstub-stub-aaaaaa-lo".utf8)
        let wanted = Self.reference(input, pairs)
        for first in 0...input.count {
            for second in first...input.count {
                let pieces = [Array(input[..<first]), Array(input[first..<second]), Array(input[second...])]
                #expect(Self.run(pieces, table) == wanted, "cut at \(first) and \(second)")
            }
        }
    }

    @Test func randomOverlappingPatternsInRandomPieces() {
        var generator = SeededGenerator(1)
        for round in 0..<3000 {
            let alphabet = round % 3 == 0 ? "a" : round % 3 == 1 ? "ab" : "abc"
            let pairs = (0..<Int.random(in: 1...6, using: &generator)).map { _ in
                PatternTable.Pair(
                    generator.text(Int.random(in: 2...9, using: &generator), of: alphabet),
                    generator.text(Int.random(in: 0...5, using: &generator), of: "abXY"))
            }
            // Of equal patterns the first counts, as in the table.
            var distinct: [PatternTable.Pair] = []
            for pair in pairs where !distinct.contains(where: { $0.pattern == pair.pattern }) { distinct.append(pair) }
            let input = generator.text(Int.random(in: 0...60, using: &generator), of: alphabet)
            let pieces = generator.pieces(input, longest: 7)
            #expect(Self.run(pieces, PatternTable(pairs)) == Self.reference(input, distinct), "round \(round)")
        }
    }

    @Test func longPatternsBeyondOneWindow() {
        var generator = SeededGenerator(2)
        let long = generator.text(700, of: "xyz")
        let pairs = [PatternTable.Pair(long, [1, 2, 3]), PatternTable.Pair(Array(long.prefix(300)), [9])]
        let table = PatternTable(pairs)
        var input = generator.text(500, of: "xyz") + long + Array(long.prefix(400)) + long
        input += Array(long.prefix(299))
        for _ in 0..<50 {
            #expect(Self.run(generator.pieces(input, longest: 333), table) == Self.reference(input, pairs))
        }
    }

    @Test func aReplacementThatContainsItsPatternIsNotSearchedAgain() {
        let table = PatternTable([.init(Array("stub".utf8), Array("real-stub-real".utf8))])
        #expect(Self.run([Array("stubst".utf8), Array("ub".utf8)], table) == Array("real-stub-realreal-stub-real".utf8))
    }

    @Test func nothingIsHeldBackThatCannotBelongToAPattern() {
        let replacer = StreamReplacer(PatternTable([.init(Array("sk-ant-secret".utf8), Array("stub".utf8))]))
        let event = Array("data: {\"text\":\"risk\"}\n\n".utf8)
        var passed = 0
        event.withUnsafeBytes { replacer.process($0) { passed += $0.count } }
        #expect(passed == event.count)
        #expect(replacer.heldCount == 0)
        Array("the sk-a".utf8).withUnsafeBytes { replacer.process($0) { passed += $0.count } }
        #expect(replacer.heldCount == 4)
    }

    @Test func memoryIsBoundedByTheLongestPattern() {
        let replacer = StreamReplacer(PatternTable([.init([UInt8](repeating: 7, count: 64), [1])]))
        let piece = [UInt8](repeating: 7, count: 1000)
        for _ in 0..<100 {
            piece.withUnsafeBytes { replacer.process($0) { _ in } }
            #expect(replacer.heldCount < 64)
        }
    }

    @Test func anEmptyTableChangesNothing() {
        #expect(Self.run([[1, 2], [], [3]], PatternTable([])) == [1, 2, 3])
        #expect(PatternTable([.init([], [1]), .init([2], [1])]).isEmpty)
    }

    @Test func allBytesAndBothEnds() {
        var generator = SeededGenerator(3)
        for _ in 0..<300 {
            let pattern = (0..<Int.random(in: 2...20, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let pairs = [PatternTable.Pair(pattern, [0])]
            let noise = (0..<50).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let input = pattern + noise + pattern + pattern + Array(noise.prefix(3)) + pattern
            #expect(Self.run(generator.pieces(input, longest: 11), PatternTable(pairs)) == Self.reference(input, pairs))
        }
    }
}
