/// Myers' search for the shortest way from one sequence to another, in linear space: from both ends at once, until they meet, then the same on
/// either side. A search that has gone too far is cut where it has got furthest; when the effort is spent, the rest counts as replaced.
struct ShortestEdit {
    private let old: [Int32]
    private let new: [Int32]
    private(set) var removed: [Bool]
    private(set) var added: [Bool]
    private var effort: Int
    /// How many differences are looked at in one search before it is cut.
    private let patience: Int

    /// A rectangle of the grid of both sequences, through which the way has to be found.
    private struct Box {
        var old: Range<Int>
        var new: Range<Int>
    }

    init(_ old: [Int32], _ new: [Int32], effort: Int) {
        self.old = old
        self.new = new
        self.effort = effort
        removed = [Bool](repeating: false, count: old.count)
        added = [Bool](repeating: false, count: new.count)
        patience = max(256, Int(Double(old.count + new.count).squareRoot()))
    }

    mutating func run() {
        let diagonals = old.count + new.count + 3
        var forward = [Int32](repeating: 0, count: diagonals)
        var backward = forward
        var boxes = [Box(old: old.indices, new: new.indices)]
        while let next = boxes.popLast() {
            let box = trimmed(next)
            if box.old.isEmpty || box.new.isEmpty || effort <= 0 {
                replace(box)
                continue
            }
            let middle = forward.withUnsafeMutableBufferPointer { forward in
                backward.withUnsafeMutableBufferPointer { backward in
                    old.withUnsafeBufferPointer { old in
                        new.withUnsafeBufferPointer { new in
                            ShortestEdit.middle(
                                box, old, new, forward, backward, offset: self.new.count + 1, patience: patience, effort: &effort)
                        }
                    }
                }
            }
            guard let (one, two) = middle, (box.old.lowerBound...box.old.upperBound).contains(one),
                (box.new.lowerBound...box.new.upperBound).contains(two), (one, two) != (box.old.lowerBound, box.new.lowerBound),
                (one, two) != (box.old.upperBound, box.new.upperBound)
            else {
                replace(box)
                continue
            }
            boxes.append(Box(old: box.old.lowerBound..<one, new: box.new.lowerBound..<two))
            boxes.append(Box(old: one..<box.old.upperBound, new: two..<box.new.upperBound))
        }
    }

    private mutating func replace(_ box: Box) {
        for index in box.old { removed[index] = true }
        for index in box.new { added[index] = true }
    }

    /// Without what both begin and end with.
    private func trimmed(_ box: Box) -> Box {
        var (oldLow, oldHigh) = (box.old.lowerBound, box.old.upperBound)
        var (newLow, newHigh) = (box.new.lowerBound, box.new.upperBound)
        while oldLow < oldHigh, newLow < newHigh, old[oldLow] == new[newLow] {
            oldLow += 1
            newLow += 1
        }
        while oldLow < oldHigh, newLow < newHigh, old[oldHigh - 1] == new[newHigh - 1] {
            oldHigh -= 1
            newHigh -= 1
        }
        return Box(old: oldLow..<oldHigh, new: newLow..<newHigh)
    }

    /// A point on a shortest way through the box, or a good one; nil when the effort is spent.
    ///
    /// A diagonal is the difference of the two positions; `forward` and `backward` hold for each how far the search has come, as the position in
    /// `old`.
    private static func middle(
        _ box: Box, _ old: UnsafeBufferPointer<Int32>, _ new: UnsafeBufferPointer<Int32>, _ forward: UnsafeMutableBufferPointer<Int32>,
        _ backward: UnsafeMutableBufferPointer<Int32>, offset: Int, patience: Int, effort: inout Int
    ) -> (Int, Int)? {
        let (oldLow, oldHigh) = (box.old.lowerBound, box.old.upperBound)
        let (newLow, newHigh) = (box.new.lowerBound, box.new.upperBound)
        let lowest = oldLow - newHigh
        let highest = oldHigh - newLow
        let forwardMiddle = oldLow - newLow
        let backwardMiddle = oldHigh - newHigh
        let isOdd = (forwardMiddle - backwardMiddle) & 1 != 0
        var (forwardMin, forwardMax) = (forwardMiddle, forwardMiddle)
        var (backwardMin, backwardMax) = (backwardMiddle, backwardMiddle)
        forward[offset + forwardMiddle] = Int32(oldLow)
        backward[offset + backwardMiddle] = Int32(oldHigh)
        var differences = 0
        while effort > 0 {
            differences += 1
            // A diagonal outside of the box is never better than one inside.
            if forwardMin > lowest {
                forwardMin -= 1
                forward[offset + forwardMin - 1] = -1
            } else {
                forwardMin += 1
            }
            if forwardMax < highest {
                forwardMax += 1
                forward[offset + forwardMax + 1] = -1
            } else {
                forwardMax -= 1
            }
            var diagonal = forwardMax
            while diagonal >= forwardMin {
                let below = forward[offset + diagonal - 1]
                let above = forward[offset + diagonal + 1]
                var one = Int(below >= above ? below + 1 : above)
                let start = one
                while one < oldHigh, one - diagonal < newHigh, old[one] == new[one - diagonal] { one += 1 }
                effort -= one - start + 1
                forward[offset + diagonal] = Int32(one)
                if isOdd, backwardMin <= diagonal, diagonal <= backwardMax, Int(backward[offset + diagonal]) <= one {
                    return (one, one - diagonal)
                }
                diagonal -= 2
            }
            if backwardMin > lowest {
                backwardMin -= 1
                backward[offset + backwardMin - 1] = .max
            } else {
                backwardMin += 1
            }
            if backwardMax < highest {
                backwardMax += 1
                backward[offset + backwardMax + 1] = .max
            } else {
                backwardMax -= 1
            }
            diagonal = backwardMax
            while diagonal >= backwardMin {
                let below = backward[offset + diagonal - 1]
                let above = backward[offset + diagonal + 1]
                var one = Int(below < above ? below : above - 1)
                let start = one
                while one > oldLow, one - diagonal > newLow, old[one - 1] == new[one - 1 - diagonal] { one -= 1 }
                effort -= start - one + 1
                backward[offset + diagonal] = Int32(one)
                if !isOdd, forwardMin <= diagonal, diagonal <= forwardMax, one <= Int(forward[offset + diagonal]) {
                    return (one, one - diagonal)
                }
                diagonal -= 2
            }
            if differences >= patience {
                return furthest(
                    box, forward, forwardMin...max(forwardMin, forwardMax), backward, backwardMin...max(backwardMin, backwardMax), offset)
            }
        }
        return nil
    }

    /// Where one of the two searches has come furthest.
    private static func furthest(
        _ box: Box, _ forward: UnsafeMutableBufferPointer<Int32>, _ forwardDiagonals: ClosedRange<Int>,
        _ backward: UnsafeMutableBufferPointer<Int32>, _ backwardDiagonals: ClosedRange<Int>, _ offset: Int
    ) -> (Int, Int) {
        var bestForward = (box.old.lowerBound, box.new.lowerBound)
        for diagonal in stride(from: forwardDiagonals.upperBound, through: forwardDiagonals.lowerBound, by: -2) {
            var one = min(Int(forward[offset + diagonal]), box.old.upperBound)
            if one - diagonal > box.new.upperBound { one = box.new.upperBound + diagonal }
            guard one >= box.old.lowerBound, one - diagonal >= box.new.lowerBound else { continue }
            if 2 * one - diagonal > bestForward.0 + bestForward.1 { bestForward = (one, one - diagonal) }
        }
        var bestBackward = (box.old.upperBound, box.new.upperBound)
        for diagonal in stride(from: backwardDiagonals.upperBound, through: backwardDiagonals.lowerBound, by: -2) {
            var one = max(Int(backward[offset + diagonal]), box.old.lowerBound)
            if one - diagonal < box.new.lowerBound { one = box.new.lowerBound + diagonal }
            guard one <= box.old.upperBound, one - diagonal <= box.new.upperBound else { continue }
            if 2 * one - diagonal < bestBackward.0 + bestBackward.1 { bestBackward = (one, one - diagonal) }
        }
        let forwardWay = bestForward.0 + bestForward.1 - box.old.lowerBound - box.new.lowerBound
        let backwardWay = box.old.upperBound + box.new.upperBound - bestBackward.0 - bestBackward.1
        return forwardWay > backwardWay ? bestForward : bestBackward
    }
}
