import CoopErrors
import LinuxKernel
import Review
import Workspaces

/// Tasks beside their bases, and beside each other.
public struct Divergence: Sendable, Equatable {
    /// A path that more than one task changed.
    public struct Overlap: Sendable, Equatable {
        public var path: String
        /// Their names, sorted.
        public var tasks: [String]

        public init(path: String, tasks: [String]) {
            self.path = path
            self.tasks = tasks
        }
    }

    public var tasks: [TaskDivergence]
    /// Sorted by path.
    public var overlaps: [Overlap]

    public init(_ tasks: [TaskDivergence]) {
        self.tasks = tasks
        // By their bytes: names that Unicode takes for the same are different files.
        var owners: [PathBytes: [String]] = [:]
        for task in tasks {
            for file in task.files { owners[PathBytes(file.path), default: []].append(task.task) }
        }
        overlaps = owners.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }.map {
            Overlap(path: $0.key.path, tasks: $0.value.sorted())
        }
    }
}

extension TaskDivergence {
    /// - Parameters:
    ///   - tip: the last commit of the task's branch.
    ///   - baseTip: the last commit of the base; nil when it has none, or is gone.
    package init(
        task: String, branch: String, tip: ObjectID, base: String, baseTip: ObjectID?, git: IsolatedGit
    ) throws {
        self.init(task: task, branch: branch, base: base, ahead: 0, behind: 0, files: [])
        guard let baseTip else {
            ahead = Int(try git.line(["rev-list", "--count", tip.hex])) ?? 0
            files = try git.changes(from: git.emptyTreeID, to: tip).map { File(status: $0.status, path: $0.path) }
            return
        }
        // `<behind>\t<ahead>`
        let counts = try git.line(["rev-list", "--left-right", "--count", "\(baseTip.hex)...\(tip.hex)"]).split(separator: "\t")
        if counts.count == 2 { (behind, ahead) = (Int(counts[0]) ?? 0, Int(counts[1]) ?? 0) }
        if ahead == 0 { return }
        let fork = try git.attempt(["merge-base", baseTip.hex, tip.hex])
        let common = ObjectID(String(decoding: fork.output.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        files = try git.changes(from: common ?? git.emptyTreeID, to: tip).map { File(status: $0.status, path: $0.path) }
    }
}
