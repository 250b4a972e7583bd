import LinuxKernel

/// How much has changed, a file a line and altogether, as `git diff --stat` shows it.
public struct DiffStat: Sendable {
    /// What has changed of one file.
    public struct File: Sendable {
        public var path: String
        public var origin: String?
        public var insertions: Int
        public var deletions: Int
        /// Sizes before and after, of what has no lines.
        public var bytes: (before: UInt64, after: UInt64)?
    }

    public private(set) var files: [File] = []

    public init() {}

    public mutating func add(_ diff: FileDiff) {
        let change = diff.change
        var file = File(path: change.path, origin: change.origin, insertions: 0, deletions: 0)
        switch diff.content {
        case .text(let text): (file.insertions, file.deletions) = (text.insertions, text.deletions)
        case .binary, .unreadable: file.bytes = (change.before?.size ?? 0, change.after?.size ?? 0)
        case .same: break
        }
        // A path with another kind of thing is one path.
        if let last = files.last, last.path.utf8.elementsEqual(file.path.utf8), last.bytes == nil, file.bytes == nil {
            files[files.count - 1].insertions += file.insertions
            files[files.count - 1].deletions += file.deletions
        } else {
            files.append(file)
        }
    }

    public var insertions: Int { files.reduce(0) { $0 + $1.insertions } }
    public var deletions: Int { files.reduce(0) { $0 + $1.deletions } }

    /// `3 files changed, 10 insertions(+), 2 deletions(-)`
    public var summary: String {
        var parts = ["\(files.count) \(files.count == 1 ? "file" : "files") changed"]
        if insertions > 0 { parts.append("\(insertions) \(insertions == 1 ? "insertion" : "insertions")(+)") }
        if deletions > 0 { parts.append("\(deletions) \(deletions == 1 ? "deletion" : "deletions")(-)") }
        return parts.joined(separator: ", ")
    }

    /// The table.
    ///
    /// - Parameters:
    ///   - width: columns that there are.
    ///   - colored: makes a text of plus or minus signs coloured.
    public func lines(width: Int = 80, colored: (_ text: String, _ isInsertion: Bool) -> String = { text, _ in text }) -> [String] {
        let names = files.map { file in
            (file.origin.map { "\(name($0)) => " } ?? "") + name(file.path)
        }
        let longestName = min(names.map(\.count).max() ?? 0, max(20, width * 5 / 8))
        let counts = files.map { $0.bytes == nil ? "\($0.insertions + $0.deletions)" : "Bin" }
        let longestCount = counts.map(\.count).max() ?? 0
        let room = max(10, width - longestName - longestCount - 6)
        let most = files.map { $0.insertions + $0.deletions }.max() ?? 0
        var result: [String] = []
        for (index, file) in files.enumerated() {
            let name = names[index].count > longestName ? "..." + names[index].suffix(longestName - 3) : Substring(names[index])
            let padding = String(repeating: " ", count: longestName - name.count)
            let count = String(repeating: " ", count: longestCount - counts[index].count) + counts[index]
            var line = " \(name)\(padding) | \(count)"
            if let bytes = file.bytes {
                line += " \(bytes.before) -> \(bytes.after) bytes"
            } else if file.insertions + file.deletions > 0 {
                let plus = scaled(file.insertions, most, room)
                let minus = scaled(file.deletions, most, room)
                line += " " + colored(String(repeating: "+", count: plus), true) + colored(String(repeating: "-", count: minus), false)
            }
            result.append(line)
        }
        return result + [" " + summary]
    }

    /// At least one sign for something.
    private func scaled(_ count: Int, _ most: Int, _ room: Int) -> Int {
        if most <= room || count == 0 { return count }
        return max(1, count * (room - 1) / most)
    }

    private func name(_ path: String) -> String { String(decoding: GitPath.quoted(path), as: UTF8.self) }
}
