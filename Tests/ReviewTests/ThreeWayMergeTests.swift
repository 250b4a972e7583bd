import Glibc
import LinuxKernel
import Review
import TestSupport
import Testing

@Suite struct ThreeWayMergeTests {
    private func merge(_ base: String, _ ours: String, _ theirs: String) -> ThreeWayMerge.Outcome {
        ThreeWayMerge.merge(base: TextLines(Array(base.utf8)), ours: TextLines(Array(ours.utf8)), theirs: TextLines(Array(theirs.utf8)))
    }

    @Test func whatOneSideChangedIsTaken() {
        #expect(merge("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n") == .merged(Array("A\nb\nC\n".utf8)))
        #expect(merge("a\nb\nc\n", "a\nb\nc\n", "x\n") == .merged(Array("x\n".utf8)))
        #expect(merge("", "", "new\n") == .merged(Array("new\n".utf8)))
        #expect(merge("a\n", "a\n", "") == .merged([]))
    }

    @Test func whatBothChangedInTheSameWayIsTakenOnce() {
        #expect(merge("a\nb\nc\nd\n", "a\nX\nc\nd\n", "a\nX\nc\nD\n") == .merged(Array("a\nX\nc\nD\n".utf8)))
    }

    @Test func theSameLinesChangedInTwoWaysAreAConflict() {
        guard case .conflicts(let conflicts) = merge("a\nb\nc\n", "a\nX\nc\n", "a\nY\nc\n") else {
            Issue.record("no conflict")
            return
        }
        #expect(conflicts.map(\.base) == [1..<2] && conflicts.map(\.ours) == [1..<2] && conflicts.map(\.theirs) == [1..<2])
        // Lines that touch have nothing between them that says which comes first.
        guard case .conflicts = merge("a\nb\n", "X\nb\n", "a\nY\n") else {
            Issue.record("no conflict")
            return
        }
    }

    @Test func aMissingLineEndIsKept() {
        #expect(merge("a\nb\nc", "A\nb\nc", "a\nb\nc") == .merged(Array("A\nb\nc".utf8)))
        #expect(merge("a\nb\nc\n", "A\nb\nc\n", "a\nb\nc") == .merged(Array("A\nb\nc".utf8)))
    }

    /// git merges the same texts to the same result. Each line of the base is there once, so that there is one best difference only.
    @Test(arguments: 0..<80) func itIsAsGitMerges(seed: Int) throws {
        var random = SeededGenerator(UInt64(seed))
        let base = (0..<Int.random(in: 0...30, using: &random)).map { "line \($0)\n" }
        let ours = edited(base, "o", &random)
        let theirs = edited(base, "t", &random)
        let place = try TemporaryDirectory()
        for (name, lines) in [("base", base), ("ours", ours), ("theirs", theirs)] {
            try FileSystem.replace(place(name), with: lines.joined().utf8)
        }
        let git = try ChildProcess.run(
            ["/usr/bin/git", "merge-file", "--stdout", place("ours"), place("base"), place("theirs")], directory: place.path)
        switch merge(base.joined(), ours.joined(), theirs.joined()) {
        case .merged(let bytes):
            #expect(git.exitCode == 0, "merged what git does not: \(base) \(ours) \(theirs)")
            #expect(bytes == git.outputBytes)
        case .conflicts: #expect(git.exitCode > 0 && git.exitCode < 128, "refused what git merges: \(base) \(ours) \(theirs)")
        }
    }

    private func edited(_ base: [String], _ side: String, _ random: inout SeededGenerator) -> [String] {
        var lines = base
        for number in 0..<Int.random(in: 0...4, using: &random) {
            let place = Int.random(in: 0...lines.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: lines.insert("\(side) \(number)\n", at: place)
            case 1 where place < lines.count: lines.remove(at: place)
            case 2: lines.insert("both\n", at: min(5, lines.count))
            case 3 where place < lines.count: lines[place] = "\(side) \(number)\n"
            default: break
            }
        }
        return lines
    }
}
