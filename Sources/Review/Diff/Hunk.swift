/// Edits that lie close together, with the unchanged lines around them: what is shown, and chosen, as one.
public struct Hunk: Sendable, Equatable {
    public var edits: [LineDiff.Edit]
    /// The lines with what surrounds them.
    public var old: Range<Int>
    public var new: Range<Int>

    /// - Parameter context: how many unchanged lines are shown before and after.
    public static func hunks(_ edits: [LineDiff.Edit], oldCount: Int, context: Int = 3) -> [Hunk] {
        let context = max(0, context)
        var result: [Hunk] = []
        for edit in edits {
            let before = min(edit.old.lowerBound, context)
            let after = min(oldCount - edit.old.upperBound, context)
            let old = edit.old.lowerBound - before..<edit.old.upperBound + after
            let new = edit.new.lowerBound - before..<edit.new.upperBound + after
            if let last = result.last, old.lowerBound <= last.old.upperBound {
                let index = result.count - 1
                result[index].edits.append(edit)
                result[index].old = last.old.lowerBound..<old.upperBound
                result[index].new = last.new.lowerBound..<new.upperBound
            } else {
                result.append(Hunk(edits: [edit], old: old, new: new))
            }
        }
        return result
    }
}
