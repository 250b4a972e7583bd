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

/// A path as the kernel tells it from others, by its bytes: to Swift two strings are equal that differ in their Unicode normalisation.
/// In order, what lies in a directory follows it directly.
package struct PathBytes: Hashable, Comparable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package static func == (left: PathBytes, right: PathBytes) -> Bool { left.path.utf8.elementsEqual(right.path.utf8) }

    package func hash(into hasher: inout Hasher) {
        var copy = path
        copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    package static func < (left: PathBytes, right: PathBytes) -> Bool {
        // The slash before every other byte.
        func rank(_ byte: UInt8) -> UInt8 { byte == UInt8(ascii: "/") ? 0 : byte }
        var first = left.path.utf8.makeIterator()
        var second = right.path.utf8.makeIterator()
        while true {
            switch (first.next(), second.next()) {
            case (nil, nil), (.some, nil): return false
            case (nil, .some): return true
            case (let one?, let other?): if one != other { return rank(one) < rank(other) }
            }
        }
    }
}
