import LinuxKernel

/// The files of a workspace as they were last seen: a small list for each directory, as a session may be idle for days.
struct KnownFiles: Sendable {
    /// The names in each directory, with a NUL after each.
    private var directories: [String: [UInt8]] = [:]
    /// Whether these are all that there were.
    var isWhole = false

    func names(_ directory: String) -> Set<String> {
        Set((directories[directory] ?? []).split(separator: 0).map { String(osBytes: $0) })
    }

    mutating func put(_ directory: String, _ names: [String]) {
        directories[directory] = names.isEmpty ? nil : names.flatMap { $0.osBytes + [0] }
    }

    /// Forgets the directories that are gone.
    ///
    /// - Returns: what was in them, as removed.
    mutating func forget(missedBy walk: ChangedFiles.Walk) -> [ChangedFiles.Change] {
        var found: [ChangedFiles.Change] = []
        for directory in directories.keys.filter({ KnownFiles.isGone($0, walk) }).sorted() {
            found += names(directory).sorted().map { ChangedFiles.Change(path: ChangedFiles.Walk.join(directory, $0), kind: .removed) }
            directories[directory] = nil
        }
        return found
    }

    /// Whether the nearest directory above that was read has no longer what leads here.
    private static func isGone(_ directory: String, _ walk: ChangedFiles.Walk) -> Bool {
        var path = directory
        while path != ".", !walk.read.contains(path) {
            let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
            if walk.read.contains(parent) { return !walk.seen.contains(path) }
            path = parent
        }
        return false
    }
}
