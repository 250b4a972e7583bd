import LinuxKernel

/// What was moved: a path that is gone and another that is new are one change.
public enum Renames {
    /// Files that are compared in search of moves hold this many bytes together at most.
    private static let effort = 256 << 20

    /// The changes with every move as one of them, at the new path: its `before` is what was at the old one. Moves are those that the changes
    /// name themselves (``Change/origin``), and files that are gone and new with the same bytes.
    public static func paired(_ changes: [Change]) -> [Change] {
        // By bytes: names that differ in their Unicode normalisation are equal strings, and two files.
        var removed: [[UInt8]: Int] = [:]
        for (index, change) in changes.enumerated() where change.after == nil && change.before?.hasContent == true {
            removed[change.path.osBytes] = index
        }
        var result = changes
        var taken: Set<Int> = []
        for (index, change) in changes.enumerated() {
            guard let origin = change.origin else { continue }
            if change.before == nil, let source = removed[origin.osBytes], let before = changes[source].before, let after = change.after,
                before.kind.isSameSort(as: after.kind), taken.insert(source).inserted
            {
                result[index].before = before
            } else {
                result[index].origin = nil
            }
        }
        find(changes, &result, &taken)
        return result.indices.filter { !taken.contains($0) }.map { result[$0] }
    }

    private static func find(_ changes: [Change], _ result: inout [Change], _ taken: inout Set<Int>) {
        var sources: [UInt64: [Int]] = [:]
        for (index, change) in changes.enumerated() where !taken.contains(index) && change.after == nil {
            if let before = change.before, before.kind == .file, before.size > 0 { sources[before.size, default: []].append(index) }
        }
        if sources.isEmpty { return }
        var effort = effort
        for (index, change) in result.enumerated() where change.before == nil && change.origin == nil {
            guard let after = change.after, after.kind == .file, let candidates = sources[after.size] else { continue }
            // Those of the same name first.
            let name = FileSystem.lastComponent(of: change.path)
            let ordered = candidates.filter { FileSystem.lastComponent(of: changes[$0].path) == name } + candidates
            // What cannot be read is shown as one file that came, and another that went, which is never wrong.
            guard after.size <= UInt64(FileDiff.longestText), effort > 0, let bytes = try? after.content(limit: FileDiff.longestText) else {
                continue
            }
            effort -= bytes.count
            for candidate in ordered where !taken.contains(candidate) && effort > 0 {
                guard let before = changes[candidate].before else { continue }
                effort -= bytes.count
                guard let other = try? before.content(limit: FileDiff.longestText), other == bytes else { continue }
                taken.insert(candidate)
                result[index].before = before
                result[index].origin = changes[candidate].path
                break
            }
        }
    }
}
