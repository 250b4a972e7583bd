import Glibc
import LinuxKernel
import Workspaces

/// Compares changes with a tree as it is now: takes what only the change touched, merges what both did, and names what cannot be merged.
public struct LandingPlanner {
    /// Longer files are not merged line by line.
    static let longestText = 16 << 20

    private let root: BeneathDirectory
    private let isUntouched: (Change, Fingerprint?) throws -> Bool

    /// - Parameters:
    ///   - root: the tree, absolute.
    ///   - isUntouched: whether a path, given what is there now, is known to be as it was before the change, without its content being read.
    ///     False when in doubt: the contents are compared then.
    public init(root: String, isUntouched: @escaping (Change, Fingerprint?) throws -> Bool) throws(SystemError) {
        self.root = try BeneathDirectory(root)
        self.isUntouched = isUntouched
    }

    /// - Parameter changes: each path at most once.
    public func plan(_ changes: [Change]) throws -> LandingPlan {
        var plan = LandingPlan()
        let sorted = changes.sorted { PathBytes($0.path) < PathBytes($1.path) }
        var holder: (path: String, directory: Descriptor?)?
        // Directories that the plan makes, of nothing, of a file or of a link: nothing is in them yet.
        var made: Set<PathBytes> = []
        for change in sorted {
            let parent = TransactionTree.parent(of: change.path)
            do {
                if made.contains(PathBytes(parent)) {
                    try add(change, nil, to: &plan)
                    if change.after?.kind == .directory { made.insert(PathBytes(change.path)) }
                    continue
                }
                if holder.map({ !$0.path.utf8.elementsEqual(parent.utf8) }) ?? true { holder = (parent, try enter(parent)) }
                let now = try holder?.directory.flatMap {
                    try TransactionTree.fingerprint(FileSystem.lastComponent(of: change.path), in: $0, path: change.path)
                }
                try add(change, now, to: &plan)
                if change.after?.kind == .directory, now?.kind != .directory, plan.items.last?.edit.path.osBytes == change.path.osBytes {
                    made.insert(PathBytes(change.path))
                }
            } catch let error as SystemError {
                holder = nil
                let reason = error.errno == ELOOP || error.errno == EXDEV ? "it is behind a symbolic link of the tree" : error.reason
                plan.conflicts.append(LandingPlan.Conflict(path: change.path, reason: reason))
            }
        }
        try checkDirectories(&plan)
        return plan
    }

    /// - Returns: nil when there is no such directory.
    private func enter(_ parent: String) throws(SystemError) -> Descriptor? {
        do { return try root.open(parent, pathOnlyDirectory) } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { return nil }
            throw error
        }
    }

    // MARK: - One path

    private func add(_ change: Change, _ now: Fingerprint?, to plan: inout LandingPlan) throws {
        if change.after == nil, now == nil {
            plan.settled.append(change)
            return
        }
        let current = try now.map { _ in try FileVersion.read(change.path, in: root) }
        func take(_ version: FileVersion?, of change: Change, isMerged: Bool = false) {
            let edit = TreeEdit(path: change.path, expected: now, version: version)
            plan.items.append(LandingPlan.Item(change: change, now: current, edit: edit, isMerged: isMerged))
        }
        func conflict(_ reason: String) { plan.conflicts.append(LandingPlan.Conflict(path: change.path, reason: reason)) }
        if case .other(let what)? = change.after?.kind { return conflict("\(what) cannot be carried over") }
        if try isUntouched(change, now) { return take(change.after, of: change) }
        // What is compared is what counts, whatever a session that goes on makes of it.
        var change = change
        change.after = try frozen(change.after)
        if let current, let after = change.after, try isSame(current, after) {
            plan.settled.append(change)
            return
        }
        if try isSame(current, change.before) { return take(change.after, of: change) }
        guard let after = change.after else { return conflict("you changed it meanwhile, and it is to be removed") }
        guard let current else { return conflict("you removed it meanwhile, and it is to be changed") }
        guard let before = change.before else {
            if current.kind == .directory, after.kind == .directory {
                plan.settled.append(change)
                return
            }
            return conflict("you made it meanwhile as well, and not the same")
        }
        switch try merge(before, current, after) {
        case .same: plan.settled.append(change)
        case .version(let version): take(version, of: change, isMerged: true)
        case .conflict(let reason): conflict(reason)
        }
    }

    /// The version with its content read, where that is not too much.
    private func frozen(_ version: FileVersion?) throws -> FileVersion? {
        guard let version, version.kind == .file, version.size <= UInt64(LandingPlanner.longestText) else { return version }
        let bytes = try version.content(limit: LandingPlanner.longestText)
        return .bytes(bytes, mode: version.mode, attributes: version.attributes)
    }

    private enum Merged {
        /// The tree has it all already.
        case same
        case version(FileVersion)
        case conflict(String)
    }

    private func merge(_ before: FileVersion, _ now: FileVersion, _ after: FileVersion) throws -> Merged {
        guard before.kind == now.kind, now.kind == after.kind else {
            return .conflict("you changed it meanwhile, and it is to be changed otherwise")
        }
        let mode: UInt32
        if after.mode == before.mode || after.mode == now.mode {
            mode = now.mode
        } else if now.mode == before.mode {
            mode = after.mode
        } else {
            return .conflict("you changed its mode meanwhile, and it is to be changed otherwise")
        }
        let attributes = after.attributes == before.attributes ? now.attributes : after.attributes
        let isUnchanged = mode == now.mode && attributes == now.attributes
        switch now.kind {
        case .directory:
            var version = now
            version.mode = mode
            version.attributes = attributes
            return isUnchanged ? .same : .version(version)
        case .symlink: return .conflict("you changed the link meanwhile, and it is to lead elsewhere")
        case .other: return .conflict("you changed it meanwhile, and it is to be changed otherwise")
        case .file: break
        }
        if try hasSameContent(now, after) {
            var version = after
            version.mode = mode
            version.attributes = attributes
            return isUnchanged ? .same : .version(version)
        }
        // Only the mode was changed on one of the sides; contents of any size. A base that cannot be read is like neither of them, and in the
        // end a conflict.
        if let equal = try? hasSameContent(before, now), equal {
            var version = after
            version.mode = mode
            version.attributes = attributes
            return .version(version)
        }
        if let equal = try? hasSameContent(before, after), equal {
            var version = now
            version.mode = mode
            version.attributes = attributes
            return isUnchanged ? .same : .version(version)
        }
        let versions = [before, now, after]
        guard versions.allSatisfy({ $0.size <= UInt64(LandingPlanner.longestText) }) else {
            return .conflict("you changed it meanwhile as well, and it is too large to be merged")
        }
        guard let base = try? before.content(limit: LandingPlanner.longestText) else {
            return .conflict("you changed it meanwhile as well, and how it was before is not known any more")
        }
        let ours = try now.content(limit: LandingPlanner.longestText)
        let theirs = try after.content(limit: LandingPlanner.longestText)
        guard ![base, ours, theirs].contains(where: FileDiff.isBinary) else {
            return .conflict("you changed it meanwhile as well, and it is no text")
        }
        switch ThreeWayMerge.merge(base: TextLines(base), ours: TextLines(ours), theirs: TextLines(theirs)) {
        case .conflicts(let conflicts):
            let lines = conflicts.prefix(5).map { $0.ours.isEmpty ? "\($0.ours.lowerBound)" : "\($0.ours.lowerBound + 1)" }
            return .conflict("you changed the same lines meanwhile (line \(lines.joined(separator: ", ")))")
        case .merged(let bytes):
            if bytes == ours && isUnchanged { return .same }
            return .version(.bytes(bytes, mode: mode, attributes: attributes))
        }
    }

    // MARK: - The same?

    private func isSame(_ one: FileVersion?, _ other: FileVersion?) throws -> Bool {
        guard let one, let other else { return one == nil && other == nil }
        guard one.kind == other.kind, one.mode == other.mode || one.kind == .symlink else { return false }
        switch one.kind {
        case .directory: return one.attributes == other.attributes
        case .symlink: return one.target?.utf8.elementsEqual(other.target?.utf8 ?? "".utf8) ?? false
        case .other: return false
        // What cannot be read is not the same: at worst that is a conflict, and nothing is overwritten.
        case .file: return one.attributes == other.attributes && ((try? hasSameContent(one, other)) ?? false)
        }
    }

    private func hasSameContent(_ one: FileVersion, _ other: FileVersion) throws -> Bool {
        guard one.size == other.size else { return false }
        let first = try one.open()
        let second = try other.open()
        var left = [UInt8](repeating: 0, count: 1 << 16)
        var right = left
        var place: off_t = 0
        while true {
            let count = try check("pread") { pread(first.number, &left, left.count, place) }
            let same = try check("pread") { pread(second.number, &right, right.count, place) }
            guard count == same, left[0..<count] == right[0..<count] else { return false }
            if count == 0 { return true }
            place += off_t(count)
        }
    }

    // MARK: - Directories

    /// A directory is removed only with everything in it: what is in the tree and in no change keeps it, as git does it. And nothing is put
    /// into one that the tree has no more.
    private func checkDirectories(_ plan: inout LandingPlan) throws {
        var removed = Set(plan.items.filter { $0.edit.version == nil }.map { PathBytes($0.edit.path) })
        var kept: Set<PathBytes> = []
        for item in plan.items.reversed() where item.edit.expected?.kind == .directory && item.edit.version?.kind != .directory {
            let path = item.edit.path
            // One that may not be listed is looked into by the transaction, which opens it up for that, and takes everything back if it holds more.
            guard let directory = try? root.directory(path) else { continue }
            let stays = try directory.entries().first { !removed.contains(PathBytes(path + "/" + $0.name)) }
            guard let stays else { continue }
            if item.edit.version == nil {
                removed.remove(PathBytes(path))
                kept.insert(PathBytes(path))
            } else {
                plan.conflicts.append(
                    LandingPlan.Conflict(path: path, reason: "something takes the place of a directory that holds \(stays.name.printable)"))
            }
        }
        plan.settled += plan.items.filter { kept.contains(PathBytes($0.edit.path)) }.map(\.change)
        plan.items.removeAll { kept.contains(PathBytes($0.edit.path)) }
        let made = Set(plan.items.filter { $0.edit.version?.kind == .directory }.map { PathBytes($0.edit.path) })
        var present: [PathBytes: Bool] = [PathBytes("."): true]
        for item in plan.items where item.edit.expected == nil {
            let parent = PathBytes(TransactionTree.parent(of: item.edit.path))
            if made.contains(parent) { continue }
            let isThere = try present[parent] ?? (enter(parent.path) != nil)
            present[parent] = isThere
            if !isThere {
                plan.conflicts.append(
                    LandingPlan.Conflict(path: item.edit.path, reason: "you removed the directory that it belongs in"))
            }
        }
    }
}
