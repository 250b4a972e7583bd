import Glibc
import LinuxKernel

/// What a sandbox left in its private git directory, learned by reading bytes. Git is never run on that directory on the host.
struct InsideState: Sendable {
    /// nil when HEAD is missing or is not of the usual form.
    var head: RefSnapshot.Head?
    var referencesChanged: Bool
    var indexChanged: Bool
    /// Stashes that were made inside, newest first.
    var newStashes: [ObjectID]
    /// Operations that are in progress inside but were not on the host at the start, and the other way round.
    var stateFiles: Set<String>

    static let looseLimit = 50_000

    /// - Throws: `SystemError` when the directory itself is gone.
    static func read(_ privateGit: PrivateGit) throws(SystemError) -> InsideState {
        let directory = try BeneathDirectory(privateGit.directory)
        let head = quietly { () throws(SystemError) in try directory.read("HEAD", limit: 4096) }.flatMap(RefSnapshot.parseHead)
        let index = quietly { () throws(SystemError) in try directory.read("index", limit: 2 << 30) }
        let packed = quietly { () throws(SystemError) in try directory.read("packed-refs", limit: 512 << 20) }
        var changed = packed != privateGit.start.packedText
        if !changed {
            var seen = 0
            changed = !looseMatches(directory, "refs", privateGit.start.symbolic, &seen, depth: 0)
        }
        let log = quietly { () throws(SystemError) in try directory.read("logs/refs/stash", limit: 16 << 20) } ?? []
        var stashes: [ObjectID] = []
        if log != privateGit.stashLog {
            let known = Set(logged(privateGit.stashLog))
            for id in logged(log).reversed() where !known.contains(id) && !stashes.contains(id) && stashes.count < 100 {
                stashes.append(id)
            }
        }
        var states: Set<String> = []
        for name in ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG"]
        where quietly({ () throws(SystemError) in try directory.status(name) }) != nil {
            states.insert(name)
        }
        return InsideState(
            head: head, referencesChanged: changed || head != privateGit.start.head || !stashes.isEmpty,
            indexChanged: index.map { Fingerprint($0) } != privateGit.index, newStashes: stashes, stateFiles: states)
    }

    /// A file that the sandbox made unreadable counts as missing: what then follows is decided by git inside.
    private static func quietly<Value>(_ body: () throws(SystemError) -> Value?) -> Value? { try? body() }

    /// Whether the loose references are exactly the symbolic ones that were put there.
    private static func looseMatches(
        _ directory: BeneathDirectory, _ name: String, _ expected: [String: String], _ seen: inout Int, depth: Int
    ) -> Bool {
        guard depth < 64, let level = quietly({ () throws(SystemError) in try directory.directory(name) }),
            let entries = quietly({ () throws(SystemError) in try level.entries(limit: looseLimit) })
        else { return false }
        for entry in entries {
            seen += 1
            if seen > looseLimit { return false }
            let full = "\(name)/\(entry.name)"
            switch entry.kind {
            case .directory:
                if RefSnapshot.isPerWorktree(full + "/") { continue }
                if !looseMatches(directory, full, expected, &seen, depth: depth + 1) { return false }
            case .file:
                guard let target = expected[full],
                    let bytes = quietly({ () throws(SystemError) in try directory.read(full, limit: 4096) }),
                    bytes == "ref: \(target)\n".osBytes
                else { return false }
            default: return false
            }
        }
        return true
    }

    /// The new values in a reflog, oldest first: `<old> SP <new> SP …`.
    private static func logged(_ bytes: [UInt8]) -> [ObjectID] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
            return parts.count == 3 ? ObjectID(String(decoding: parts[1], as: UTF8.self)) : nil
        }
    }
}
