import LinuxKernel

/// Brings edits into an order in which each can be made: what is removed from the deepest on, then what is put in from above, then the
/// final modes of directories.
struct StepOrder {
    /// A directory that stays, but must be opened up for its owner while something in it changes.
    struct Closed {
        var path: String
        var mode: UInt32
    }

    /// - Parameters:
    ///   - edits: in any order, each path once.
    ///   - attributes: of the directories that stay and are edited, as they are now, by their path.
    /// - Returns: the steps, and for each the index of the edit that it puts something in for.
    static func steps(
        for edits: [TreeEdit], closed: [Closed], attributes: [PathBytes: [String: [UInt8]]]
    ) -> [(step: TreeStep, edit: Int?)] {
        let sorted = edits.indices.map { (key: PathBytes(edits[$0].path), index: $0) }.sorted { $0.key < $1.key }
        var opened: [(step: TreeStep, edit: Int?)] = []
        var removals: [(step: TreeStep, edit: Int?)] = []
        var additions: [(step: TreeStep, edit: Int?)] = []
        var finals: [(step: TreeStep, edit: Int?)] = []
        var closedModes: [PathBytes: UInt32] = [:]
        for directory in closed {
            closedModes[PathBytes(directory.path)] = directory.mode
            opened.append((adjust(directory.path, from: .init(mode: directory.mode), to: .init(mode: directory.mode | 0o700)), nil))
        }
        for (key, index) in sorted {
            let edit = edits[index]
            let isDirectory = edit.version?.kind == .directory
            switch (edit.expected?.kind, edit.version) {
            case (.directory?, let version?) where isDirectory:
                let now = edit.expected?.mode ?? 0
                let start = closedModes.removeValue(forKey: key).map { $0 | 0o700 } ?? now
                finals.append(
                    (
                        adjust(
                            edit.path, from: .init(mode: start, attributes: attributes[key]),
                            to: .init(mode: version.mode, attributes: version.attributes)), index
                    ))
            case (.directory?, nil):
                closedModes[key] = nil
                removals.append((TreeStep(.remove, edit.path, before: edit.expected), nil))
            case (.directory?, .some):
                closedModes[key] = nil
                removals.append((TreeStep(.exchange, edit.path, before: edit.expected), index))
            case (.some, nil): removals.append((TreeStep(.remove, edit.path, before: edit.expected), nil))
            case (nil, nil): break
            case (let kind, let version?):
                additions.append((TreeStep(kind == nil ? .add : .exchange, edit.path, before: edit.expected), index))
                if isDirectory, version.mode & 0o700 != 0o700 {
                    finals.append((adjust(edit.path, from: .init(mode: version.mode | 0o700), to: .init(mode: version.mode)), nil))
                }
            }
        }
        for (key, mode) in closedModes.sorted(by: { $0.key < $1.key }) {
            finals.append((adjust(key.path, from: .init(mode: mode | 0o700), to: .init(mode: mode)), nil))
        }
        return opened + removals.reversed() + additions + finals.reversed()
    }

    private static func adjust(_ path: String, from: TreeStep.Properties, to: TreeStep.Properties) -> TreeStep {
        var step = TreeStep(.adjust, path)
        step.from = from
        step.to = to
        return step
    }
}
