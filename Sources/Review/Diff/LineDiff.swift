/// What has to be done to the lines of one text to get another: the fewest lines that can be, as long as finding them is not too much
/// work. In any case the edits lead from the one to the other.
public enum LineDiff {
    /// A stretch of lines and what takes its place. At most one of the two is empty.
    public struct Edit: Sendable, Equatable {
        public var old: Range<Int>
        public var new: Range<Int>

        public init(old: Range<Int>, new: Range<Int>) {
            self.old = old
            self.new = new
        }

        var isInsertion: Bool { old.isEmpty }
        var isDeletion: Bool { new.isEmpty }
    }

    /// How many comparisons are made at most, before the rest is taken as replaced: less than a second.
    public static let usualEffort = 100_000_000

    /// The edits from `old` to `new`, in order; between two of them there is at least one line that both have.
    ///
    /// The algorithm is Myers' with linear space (An O(ND) Difference Algorithm and Its Variations, 1986), after lines that only one side
    /// has are put aside, and with a limit to how far it looks for the best way, so that no input takes minutes.
    ///
    /// - Parameter effort: comparisons, about.
    public static func edits(from old: TextLines, to new: TextLines, effort: Int = usualEffort) -> [Edit] {
        var head = 0
        let shorter = min(old.count, new.count)
        while head < shorter, old.equals(head, new, head) { head += 1 }
        var tail = 0
        while tail < shorter - head, old.equals(old.count - 1 - tail, new, new.count - 1 - tail) { tail += 1 }
        let oldMiddle = head..<old.count - tail
        let newMiddle = head..<new.count - tail
        if oldMiddle.isEmpty && newMiddle.isEmpty { return [] }
        if oldMiddle.isEmpty || newMiddle.isEmpty {
            return slide([Edit(old: oldMiddle, new: newMiddle)], old, new)
        }
        let numbers = LineNumbers(old, oldMiddle, new, newMiddle)
        let (removed, added) = marks(numbers, effort: effort)
        return slide(collect(removed, added, from: head), old, new)
    }

    /// Which lines are removed and added.
    private static func marks(_ numbers: LineNumbers, effort: Int) -> (removed: [Bool], added: [Bool]) {
        var inOld = [Bool](repeating: false, count: numbers.count)
        var inNew = inOld
        for number in numbers.old { inOld[Int(number)] = true }
        for number in numbers.new { inNew[Int(number)] = true }
        // What only one side has is no part of any way through both.
        let oldPlaces = numbers.old.indices.filter { inNew[Int(numbers.old[$0])] }
        let newPlaces = numbers.new.indices.filter { inOld[Int(numbers.new[$0])] }
        var removed = [Bool](repeating: true, count: numbers.old.count)
        var added = [Bool](repeating: true, count: numbers.new.count)
        for place in oldPlaces { removed[place] = false }
        for place in newPlaces { added[place] = false }
        var search = ShortestEdit(oldPlaces.map { numbers.old[$0] }, newPlaces.map { numbers.new[$0] }, effort: effort)
        search.run()
        for (index, place) in oldPlaces.enumerated() where search.removed[index] { removed[place] = true }
        for (index, place) in newPlaces.enumerated() where search.added[index] { added[place] = true }
        return (removed, added)
    }

    private static func collect(_ removed: [Bool], _ added: [Bool], from start: Int) -> [Edit] {
        var edits: [Edit] = []
        var one = 0
        var two = 0
        while one < removed.count || two < added.count {
            let begin = (one, two)
            while one < removed.count, removed[one] { one += 1 }
            while two < added.count, added[two] { two += 1 }
            if begin != (one, two) {
                edits.append(Edit(old: start + begin.0..<start + one, new: start + begin.1..<start + two))
            }
            while one < removed.count, two < added.count, !removed[one], !added[two] {
                one += 1
                two += 1
            }
        }
        return edits
    }

    /// Moves lines that are only added, or only removed, down as far as they can be moved without a difference: a new function is shown from
    /// its first line on, and what turns out to touch becomes one.
    private static func slide(_ edits: [Edit], _ old: TextLines, _ new: TextLines) -> [Edit] {
        // Last one first.
        var done: [Edit] = []
        for edit in edits.reversed() {
            var edit = edit
            while true {
                let oldEnd = done.last?.old.lowerBound ?? old.count
                while edit.old.upperBound < oldEnd {
                    if edit.isInsertion {
                        guard new.equals(edit.new.lowerBound, new, edit.new.upperBound) else { break }
                    } else if edit.isDeletion {
                        guard old.equals(edit.old.lowerBound, old, edit.old.upperBound) else { break }
                    } else {
                        break
                    }
                    edit = Edit(
                        old: edit.old.lowerBound + 1..<edit.old.upperBound + 1, new: edit.new.lowerBound + 1..<edit.new.upperBound + 1)
                }
                guard let next = done.last, edit.old.upperBound == next.old.lowerBound else { break }
                edit = Edit(old: edit.old.lowerBound..<next.old.upperBound, new: edit.new.lowerBound..<next.new.upperBound)
                done.removeLast()
            }
            done.append(edit)
        }
        return done.reversed()
    }

    /// `old` with some of the edits made.
    ///
    /// - Parameter edits: some of what ``edits(from:to:effort:)`` has found for these two, in order.
    public static func apply(_ edits: [Edit], of new: TextLines, to old: TextLines) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(max(old.bytes.count, new.bytes.count))
        var line = 0
        for edit in edits {
            result += old[line..<edit.old.lowerBound]
            result += new[edit.new]
            line = edit.old.upperBound
        }
        return result + old[line..<old.count]
    }
}
