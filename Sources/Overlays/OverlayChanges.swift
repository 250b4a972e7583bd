import Glibc
import LinuxKernel
import Review

/// Finds what the upper layer of an overlay changes, by one walk over it. What is below counts as the base recorded it, not as it is now.
struct OverlayChanges {
    private let base: OverlayBase
    private let upper: UpperLayer
    /// Only these and what lies below them; everything when empty.
    private let wanted: [String]
    private let limit: Int
    private let standing: Set<[UInt8]>
    private var found: [Change] = []
    /// Directories made for mounts: changes only if something is found in them.
    private var made: [Change] = []
    /// Paths with a base of their own that the walk came by.
    private var seen: Set<[UInt8]> = []
    /// The directories that are still to be looked at. No recursion: the session decides how deep they lie.
    private var waiting: [Waiting] = []

    /// Levels of directories that are looked at. What lies deeper is one change that cannot be carried over: every level costs a descriptor
    /// where the session has taken its owner's rights.
    private static let mostLevels = 128

    private init(_ base: OverlayBase, _ upper: UpperLayer, _ wanted: [String], _ limit: Int) {
        (self.base, self.upper, self.wanted, self.limit) = (base, upper, wanted, limit)
        standing = Set(base.tree.standing.map(\.osBytes))
    }

    /// - Parameter limit: so many are enough.
    static func find(_ base: OverlayBase, _ upper: UpperLayer, paths: [String] = [], limit: Int = .max) throws -> [Change] {
        let wanted = paths.map { FileSystem.components(of: $0).filter { $0 != "." }.joined(separator: "/") }
        var walk = OverlayChanges(base, upper, wanted, limit)
        let root = Below(index: BaseTree.rootIndex, path: "")
        walk.waiting = [Waiting(path: "", level: 0, below: root, old: BaseTree.rootIndex)]
        while let next = walk.waiting.popLast(), !walk.isDone {
            do { try walk.directory(next) } catch let error as SystemError where error.isAbsence && next.level > 0 {
                // The session goes on: it is gone since it was listed.
            }
        }
        try walk.addVanished()
        walk.addMade()
        // `sorted` by the bytes: a directory is the beginning of what lies in it.
        return walk.found.map { ($0, $0.path.osBytes) }.sorted { $0.1.lexicographicallyPrecedes($1.1) }.map(\.0)
    }

    /// The directory of the tree below that shines through one of the upper layer.
    private struct Below {
        var index: Int
        var path: String
    }

    /// A directory of the upper layer.
    private struct Waiting {
        var path: String
        /// How many names `path` has.
        var level: Int
        /// What shines through; nil for nothing.
        var below: Below?
        /// What the base has at `path`, if that is a directory.
        var old: Int?
    }

    private var isDone: Bool { found.count >= limit }

    // MARK: - The walk

    private mutating func directory(_ directory: Waiting) throws {
        let (path, below, old) = (directory.path, directory.below, directory.old)
        let entries = try upper.entries(path)
        var names: Set<[UInt8]> = []
        let isMoved = below?.index != old
        for (name, status) in entries {
            if isDone { return }
            if isMoved { names.insert(name.osBytes) }
            let place = path.isEmpty ? name : path + "/" + name
            guard isNear(place) else { continue }
            do { try entry(name, place, status, in: directory) } catch let error as SystemError where error.isAbsence {
                // The session goes on: it is gone since it was listed.
            }
        }
        guard isMoved else { return }
        if let below {
            for child in base.tree.children(of: below.index) {
                let name = base.tree.name(of: child)
                guard names.insert(name.osBytes).inserted else { continue }
                try shine(path + "/" + name, child, from: below.path.isEmpty ? name : below.path + "/" + name)
            }
        }
        for child in old.map(base.tree.children) ?? 0..<0 {
            let name = base.tree.name(of: child)
            if !names.contains(name.osBytes) { try remove(path + "/" + name, child) }
        }
    }

    private mutating func entry(_ name: String, _ path: String, _ status: stat, in directory: Waiting) throws {
        let old = directory.old.flatMap { base.tree.child(name, of: $0) }
        let mode = UInt32(status.st_mode) & 0o7777
        if let what = unreachable(path, status, level: directory.level + 1) {
            return try add(path, OverlayChanges.plain(.other(what: what), path, mode: mode), over: nil)
        }
        switch FileKind(mode: status.st_mode) {
        case .characterDevice where status.st_rdev == 0: try whiteOut(path, old, in: directory.old)
        case .file:
            let attributes = try upper.attributes(path)
            if attributes.isWhiteout, status.st_size == 0 { return try whiteOut(path, old, in: directory.old) }
            let upper = upper
            try add(
                path,
                FileVersion(
                    kind: .file, mode: mode, size: UInt64(clamping: status.st_size), attributes: attributes.user,
                    source: { try upper.content(path) }), over: old)
        case .directory:
            let attributes = try upper.attributes(path)
            let shining = self.shining(through: attributes, name, directory.below)
            let isOld = old.map { base.tree.entries[$0].kind == .directory } ?? false
            let origin = attributes.redirect == nil ? nil : shining?.path
            let count = found.count
            try add(
                path, OverlayChanges.plain(.directory, path, mode: mode, attributes: attributes.user), over: isOld ? nil : old,
                origin: origin)
            if found.count == count + 1, standing.contains(path.osBytes) { made.append(found.removeLast()) }
            waiting.append(Waiting(path: path, level: directory.level + 1, below: shining, old: isOld ? old : nil))
        case .symlink:
            let target = try upper.target(path)
            try add(
                path, OverlayChanges.plain(.symlink, path, mode: 0o777, size: UInt64(target.osBytes.count), target: target), over: old)
        case let kind: try add(path, OverlayChanges.plain(.other(what: OverlayBase.words(for: kind)), path, mode: mode), over: old)
        }
    }

    /// What cannot be looked at, in words; nil for what can.
    private func unreachable(_ path: String, _ status: stat, level: Int) -> String? {
        // With the tree's own path, as the user's programs would name it; a path ends with a byte more.
        if base.tree.root.utf8.count + path.utf8.count + 2 > Int(PATH_MAX) { return "something with too long a path" }
        guard level > OverlayChanges.mostLevels, FileKind(mode: status.st_mode) == .directory else { return nil }
        return "a directory more than \(OverlayChanges.mostLevels) levels deep"
    }

    private func shining(through attributes: UpperLayer.Attributes, _ name: String, _ below: Below?) -> Below? {
        if let redirect = attributes.redirect {
            let path = redirect.utf8.first == UInt8(ascii: "/") ? redirect : FileSystem.join(below?.path ?? "", redirect)
            let names = FileSystem.components(of: path)
            // Overlayfs follows names below its layer only, and so does the base.
            let plain = names.joined(separator: "/")
            guard !names.isEmpty, let index = base.tree.find(plain), base.tree.entries[index].kind == .directory else { return nil }
            return Below(index: index, path: plain)
        }
        guard !attributes.isOpaque, let below, let index = base.tree.child(name, of: below.index),
            base.tree.entries[index].kind == .directory
        else { return nil }
        return Below(index: index, path: below.path.isEmpty ? name : below.path + "/" + name)
    }

    // MARK: - What it finds

    /// Something is at `path`.
    ///
    /// - Parameter old: what the base had there with children that are not looked at otherwise.
    private mutating func add(_ path: String, _ after: FileVersion, over old: Int?, origin: String? = nil) throws {
        let before = try self.before(path)
        if !isSame(before, after, path) { report(Change(path: path, before: before, after: after, origin: origin)) }
        for child in old.map(base.tree.children) ?? 0..<0 { try remove(path + "/" + base.tree.name(of: child), child) }
    }

    /// Nothing is at `path` any more.
    private mutating func remove(_ path: String, _ old: Int?) throws {
        var places: [(path: String, index: Int?)] = [(path, old)]
        while let (path, index) = places.popLast(), !isDone {
            if let before = try before(path) { report(Change(path: path, before: before, after: nil)) }
            for child in index.map(base.tree.children) ?? 0..<0 { places.append((path + "/" + base.tree.name(of: child), child)) }
        }
    }

    /// The session has removed what the tree had at `path`.
    private mutating func whiteOut(_ path: String, _ old: Int?, in directory: Int?) throws {
        try remove(path, old)
        // Something was there in a directory that could not be read: what it was is not known, and so it cannot be said to be the same.
        guard old == nil, base.accepted[path.osBytes] == nil, let directory, base.tree.entries[directory].isUnread else { return }
        report(Change(path: path, before: OverlayChanges.plain(.other(what: OverlayBase.words(for: nil)), path, mode: 0), after: nil))
    }

    /// What lay at `source` is at `path` now, with everything in it.
    private mutating func shine(_ path: String, _ index: Int, from source: String) throws {
        var places = [(path: path, index: index, source: source)]
        while let (path, index, source) = places.popLast(), !isDone {
            if let after = try shining(index, from: source, at: path) { try add(path, after, over: nil, origin: source) }
            for child in base.tree.children(of: index) {
                let name = base.tree.name(of: child)
                places.append((path + "/" + name, child, source + "/" + name))
            }
        }
    }

    /// The version that shines through; nil for none, and for what is the base of its new place already.
    private mutating func shining(_ index: Int, from source: String, at path: String) throws -> FileVersion? {
        guard let entry = base.accepted[source.osBytes], entry.version == nil else { return try base.liveVersion(source) }
        // The move has been applied, at least its one end: the tree has nothing at the source that the session would mean.
        guard base.accepted[path.osBytes]?.version != nil else { return try base.version(index, source) }
        _ = try before(path)
        return nil
    }

    /// What was applied, and has been removed in the upper layer since: there nothing tells of it.
    private mutating func addVanished() throws {
        for (bytes, entry) in base.accepted where entry.version != nil && !seen.contains(bytes) {
            let path = String(osBytes: bytes)
            guard base.tree.find(path) == nil, try upper.status(path) == nil else { continue }
            report(Change(path: path, before: entry.version, after: nil))
        }
    }

    /// What was made for a mount to stand on, and is not for nothing else.
    private mutating func addMade() {
        let changed = found
        found += made.filter { made in changed.contains { FileSystem.contains(made.path, $0.path) } }
    }

    private mutating func before(_ path: String) throws -> FileVersion? {
        if !base.accepted.isEmpty { seen.insert(path.osBytes) }
        return try base.version(of: path)
    }

    private mutating func report(_ change: Change) {
        let isWanted = wanted.isEmpty || wanted.contains { $0.isEmpty || FileSystem.contains($0, change.path) }
        if isWanted { found.append(change) }
    }

    /// Whether `path` may lead to what is wanted.
    private func isNear(_ path: String) -> Bool {
        wanted.isEmpty || wanted.contains { $0.isEmpty || FileSystem.contains($0, path) || FileSystem.contains(path, $0) }
    }

    private func isSame(_ before: FileVersion?, _ after: FileVersion, _ path: String) -> Bool {
        guard let before, before.kind == after.kind, before.mode == after.mode, before.size == after.size, before.target == after.target,
            before.attributes == after.attributes
        else { return false }
        guard before.kind == .file else { return true }
        // A content that is lost, or cannot be read, is not known to be the same.
        guard let old = try? before.open(), let new = try? after.open() else { return false }
        return (try? Contents.areEqual(old, new)) ?? false
    }

    private static func plain(
        _ kind: FileVersion.Kind, _ path: String, mode: UInt32, size: UInt64 = 0, target: String? = nil, attributes: [String: [UInt8]] = [:]
    ) -> FileVersion {
        FileVersion(
            kind: kind, mode: mode, size: size, target: target, attributes: attributes,
            source: { throw SystemError("open", path, errno: EINVAL) })
    }
}
