/// Two changes of one text, brought together line by line (diff3): what only one side changed is taken, and what both changed in the same way.
public enum ThreeWayMerge {
    /// Lines that both sides changed, each in its own way, or so close to each other that no line between them is the same.
    public struct Conflict: Sendable, Equatable {
        public var base: Range<Int>
        public var ours: Range<Int>
        public var theirs: Range<Int>
    }

    public enum Outcome: Sendable, Equatable {
        case merged([UInt8])
        /// In the order of the lines; nothing is merged.
        case conflicts([Conflict])
    }

    /// - Parameter effort: comparisons of lines, for each side; see `LineDiff.edits(from:to:effort:)`.
    public static func merge(
        base: TextLines, ours: TextLines, theirs: TextLines, effort: Int = LineDiff.usualEffort
    ) -> Outcome {
        if ours.bytes == theirs.bytes || theirs.bytes == base.bytes { return .merged(ours.bytes) }
        if ours.bytes == base.bytes { return .merged(theirs.bytes) }
        var one = Side(text: ours, edits: LineDiff.edits(from: base, to: ours, effort: effort))
        var two = Side(text: theirs, edits: LineDiff.edits(from: base, to: theirs, effort: effort))
        var result: [UInt8] = []
        result.reserveCapacity(max(ours.bytes.count, theirs.bytes.count))
        var conflicts: [Conflict] = []
        var line = 0
        while let start = [one.next?.old.lowerBound, two.next?.old.lowerBound].compactMap({ $0 }).min() {
            // Everything that overlaps or touches, of both sides, belongs together.
            var end = start
            var changed = (ours: false, theirs: false)
            one.begin()
            two.begin()
            while true {
                if let edit = one.next, edit.old.lowerBound <= end {
                    end = max(end, edit.old.upperBound)
                    one.take()
                    changed.ours = true
                } else if let edit = two.next, edit.old.lowerBound <= end {
                    end = max(end, edit.old.upperBound)
                    two.take()
                    changed.theirs = true
                } else {
                    break
                }
            }
            result += base[line..<start]
            line = end
            let mine = one.region(start..<end)
            let its = two.region(start..<end)
            if !changed.theirs {
                result += ours[mine]
            } else if !changed.ours || ours[mine] == theirs[its] {
                result += theirs[its]
            } else {
                conflicts.append(Conflict(base: start..<end, ours: mine, theirs: its))
            }
        }
        guard conflicts.isEmpty else { return .conflicts(conflicts) }
        result += base[line..<base.count]
        return .merged(result)
    }

    /// The edits of one side, as they are gone through.
    private struct Side {
        let text: TextLines
        let edits: [LineDiff.Edit]
        private var index = 0
        /// How many lines this side has more than the base up to the region, and up to its end.
        private var before = 0
        private var after = 0

        init(text: TextLines, edits: [LineDiff.Edit]) {
            self.text = text
            self.edits = edits
        }

        var next: LineDiff.Edit? { index < edits.count ? edits[index] : nil }

        mutating func begin() { before = after }

        mutating func take() {
            after += edits[index].new.count - edits[index].old.count
            index += 1
        }

        /// The lines of this side that stand where the base has these.
        func region(_ base: Range<Int>) -> Range<Int> { base.lowerBound + before..<base.upperBound + after }
    }
}
