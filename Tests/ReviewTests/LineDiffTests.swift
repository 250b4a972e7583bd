import Review
import TestSupport
import Testing

@Suite struct LineDiffTests {
    private func edits(_ old: String, _ new: String) -> [LineDiff.Edit] {
        LineDiff.edits(from: TextLines(Array(old.utf8)), to: TextLines(Array(new.utf8)))
    }

    @Test func `equal texts have no edits`() {
        #expect(edits("", "").isEmpty)
        #expect(edits("a\nb\n", "a\nb\n").isEmpty)
        #expect(edits("a", "a").isEmpty)
    }

    @Test func `a line end at the end counts`() {
        #expect(edits("a\nb", "a\nb\n") == [.init(old: 1..<2, new: 1..<2)])
        #expect(TextLines(Array("a\nb".utf8)).isTerminated == false)
    }

    @Test func `the fewest lines`() {
        #expect(edits("a\nb\nc\n", "a\nc\n") == [.init(old: 1..<2, new: 1..<1)])
        #expect(edits("a\nc\n", "a\nb\nc\n") == [.init(old: 1..<1, new: 1..<2)])
        // Myers' own example: five edits.
        let found = edits("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n")
        #expect(found.reduce(0) { $0 + $1.old.count + $1.new.count } == 5)
    }

    @Test func `a repeated block is shown from its first line on`() {
        let old = "f() {\n}\n\ng() {\n}\n"
        let new = "f() {\n}\n\nh() {\n}\n\ng() {\n}\n"
        #expect(edits(old, new) == [.init(old: 3..<3, new: 3..<6)])
    }

    /// Lines of few kinds, so that much repeats.
    private func text(_ numbers: inout SeededGenerator, lines: Int, kinds: Int) -> [[UInt8]] {
        (0..<lines).map { _ in Array("\(Int.random(in: 0..<kinds, using: &numbers))\n".utf8) }
    }

    @Test(arguments: [100_000_000, 2000, 1]) func `whatever differs, the edits lead from one to the other`(effort: Int) {
        var numbers = SeededGenerator(UInt64(effort))
        for round in 0..<600 {
            var lines = text(&numbers, lines: Int.random(in: 0...60, using: &numbers), kinds: 1 + round % 40)
            let old = TextLines(Array(lines.joined().dropLast(round % 3 == 0 ? 1 : 0)))
            for _ in 0..<Int.random(in: 0...8, using: &numbers) {
                let place = Int.random(in: 0...lines.count, using: &numbers)
                if Bool.random(using: &numbers) {
                    lines.insert(contentsOf: text(&numbers, lines: 1 + round % 5, kinds: 10), at: place)
                } else {
                    lines.removeSubrange(place..<min(lines.count, place + 1 + round % 4))
                }
            }
            let new = TextLines(Array(lines.joined().dropLast(round % 5 == 0 ? 1 : 0)))
            let edits = LineDiff.edits(from: old, to: new, effort: effort)
            #expect(LineDiff.apply(edits, of: new, to: old) == new.bytes)
            for (one, two) in zip(edits, edits.dropFirst()) {
                #expect(one.old.upperBound < two.old.lowerBound && one.new.upperBound < two.new.lowerBound)
            }
            #expect(edits.allSatisfy { !$0.old.isEmpty || !$0.new.isEmpty })
        }
    }

    @Test func `as few edits as the longest common subsequence allows`() {
        var numbers = SeededGenerator(7)
        for _ in 0..<150 {
            let one = text(&numbers, lines: 25, kinds: 5)
            let two = text(&numbers, lines: 25, kinds: 5)
            var table = [[Int]](repeating: [Int](repeating: 0, count: two.count + 1), count: one.count + 1)
            for i in 1...one.count {
                for j in 1...two.count {
                    table[i][j] = one[i - 1] == two[j - 1] ? table[i - 1][j - 1] + 1 : max(table[i - 1][j], table[i][j - 1])
                }
            }
            let edits = LineDiff.edits(from: TextLines(Array(one.joined())), to: TextLines(Array(two.joined())))
            #expect(edits.reduce(0) { $0 + $1.old.count + $1.new.count } == one.count + two.count - 2 * table[one.count][two.count])
        }
    }

    @Test func `input that is made to take long is compared with bounded effort`() {
        // Two kinds of lines at random: nothing is unique, and nearly everything matches something.
        var numbers = SeededGenerator(3)
        let old = TextLines(Array(text(&numbers, lines: 60_000, kinds: 2).joined()))
        let new = TextLines(Array(text(&numbers, lines: 60_000, kinds: 2).joined()))
        let edits = LineDiff.edits(from: old, to: new, effort: 1_000_000)
        #expect(LineDiff.apply(edits, of: new, to: old) == new.bytes)
    }

    @Test func `some of the hunks`() {
        let old = (1...40).map { "\($0)\n" }.joined()
        let new = (1...40).map { $0 % 10 == 5 ? "new \($0)\n" : "\($0)\n" }.joined()
        let diff = TextDiff(from: TextLines(Array(old.utf8)), to: TextLines(Array(new.utf8)))
        let hunks = diff.hunks()
        #expect(hunks.count == 4)
        #expect(hunks[1].old == 11..<18 && hunks[1].edits == [.init(old: 14..<15, new: 14..<15)])
        let some = String(decoding: diff.applying([hunks[1], hunks[3]]), as: UTF8.self)
        #expect(some == (1...40).map { $0 == 15 || $0 == 35 ? "new \($0)\n" : "\($0)\n" }.joined())
        #expect(diff.applying([]) == Array(old.utf8) && diff.applying(hunks) == Array(new.utf8))
        #expect(diff.hunks(context: 5).count == 1 && diff.hunks(context: 0).count == 4)
    }
}
