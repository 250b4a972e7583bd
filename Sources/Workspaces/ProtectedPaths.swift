import CoopErrors
import Glibc
import LinuxKernel

/// Protects, on a live workspace, what programs of the host would trust.
public enum ProtectedPaths {
    /// One row of the table.
    public struct Entry: Sendable, Equatable {
        /// Relative to the workspace root, without `.` and `..`.
        public var path: String
        public var isDirectory: Bool
        /// Whether a missing directory is made, empty and read-only, for the time of the session.
        public var placeholder: Bool
        /// Who trusts it and why.
        public var reason: String

        /// - Parameter path: as an agent's file writes it: one that ends in `/` is a directory that gets a placeholder.
        public init(setting path: String, reason: String) {
            self.init(
                path: FileSystem.components(of: path).joined(separator: "/"), isDirectory: path.hasSuffix("/"),
                placeholder: path.hasSuffix("/"), reason: reason)
        }

        init(path: String, isDirectory: Bool, placeholder: Bool, reason: String) {
            self.path = path
            self.isDirectory = isDirectory
            self.placeholder = placeholder
            self.reason = reason
        }

        static func directory(_ path: String, placeholder: Bool, _ reason: String) -> Entry {
            Entry(path: path, isDirectory: true, placeholder: placeholder, reason: reason)
        }

        static func file(_ path: String, _ reason: String) -> Entry {
            Entry(path: path, isDirectory: false, placeholder: false, reason: reason)
        }
    }

    /// Everything that is protected without being asked for.
    ///
    /// - Parameter agents: what agents obey.
    public static func entries(_ agents: [Entry]) -> [Entry] {
        var result = table
        for entry in agents {
            if let known = result.firstIndex(where: { $0.path == entry.path }) {
                result[known].placeholder = result[known].placeholder || entry.placeholder
            } else {
                result.append(entry)
            }
        }
        return result
    }

    /// Looks at a workspace and says what has to be done.
    ///
    /// A symbolic link at a protected path cannot be protected: no mount holds the link itself, and the workload can replace it.
    /// Where it leads to something in the workspace, that is made read-only; in any case the link's text is recorded, and
    /// ``changes(since:)`` tells when it is another one afterwards.
    ///
    /// - Parameters:
    ///   - root: the workspace, absolute.
    ///   - agents: what agents obey, whichever of them is run.
    ///   - extra: further paths to protect (`sandbox.protect`; what the host's git trusts; nested repositories), relative to the
    ///     root. One that is missing and ends in `/` gets a placeholder; any other missing one is recorded as a file.
    public static func plan(root: String, agents: [Entry] = [], extra: [String] = []) throws -> ProtectionPlan {
        var entries = entries(agents)
        for path in extra {
            let isDirectory = path.hasSuffix("/")
            let parts = FileSystem.components(of: path).filter { $0 != "." }
            guard path.utf8.first != UInt8(ascii: "/"), !parts.isEmpty, !parts.contains("..") else {
                throw CoopError(
                    .configuration, "cannot protect \(path.printable)", "not a path below the workspace",
                    next: "coop config get sandbox.protect")
            }
            let name = parts.joined(separator: "/")
            // The root's own `.git` is replaced by the private git directory.
            if name == ".git" { continue }
            if let known = entries.firstIndex(where: { PathBytes($0.path) == PathBytes(name) }) {
                entries[known].placeholder = entries[known].placeholder || (isDirectory && entries[known].isDirectory)
            } else {
                entries.append(Entry(path: name, isDirectory: isDirectory, placeholder: isDirectory, reason: "asked for"))
            }
        }
        return try describing("cannot protect paths of \(root.printable)") {
            let directory = try BeneathDirectory(root)
            var plan = ProtectionPlan(root: root)
            for entry in entries { try look(at: entry, directory, &plan) }
            return plan
        }
    }

    private static func look(at entry: Entry, _ root: BeneathDirectory, _ plan: inout ProtectionPlan) throws {
        var parent = root
        var path = ""
        let parts = FileSystem.components(of: entry.path)
        for (depth, part) in parts.enumerated() {
            path = path.isEmpty ? part : "\(path)/\(part)"
            let isLast = depth == parts.count - 1
            guard let status = try parent.status(part), let kind = FileKind(mode: status.st_mode) else {
                if entry.placeholder {
                    plan.placeholders.append(entry.path)
                    plan.candidates.append(entry.path)
                } else {
                    plan.missing.append(.init(path: entry.path, reason: entry.reason))
                }
                return
            }
            if kind == .symlink {
                let text = parent.readLink(part) ?? ""
                plan.links.append(.init(path: path, target: text, reason: entry.reason))
                let base = FileSystem.parent(of: FileSystem.join(plan.root, path))
                let resolved = FileSystem.normalize(FileSystem.join(base, text))
                if isLast, let inside = FileSystem.relative(resolved, to: plan.root), !inside.isEmpty {
                    if let found = quietKind(inside, root), found == .file || found == .directory { plan.protect(inside) }
                }
                return
            }
            if isLast, entry.placeholder, PlaceholderJournal.isPlaceholder(status) {
                // Another session's, which may end and take it away before this one has begun.
                plan.placeholders.append(entry.path)
                plan.candidates.append(entry.path)
                return
            }
            if isLast {
                plan.protect(entry.path)
                plan.watched.append(.init(path: entry.path, inode: "\(status.st_dev):\(status.st_ino)", reason: entry.reason))
                if kind == .directory { plan.candidates.append(entry.path) }
                return
            }
            guard kind == .directory else {
                plan.missing.append(.init(path: entry.path, reason: entry.reason))
                return
            }
            parent = try parent.directory(part)
        }
    }

    /// The kind of a path below the root that goes through no link; nil otherwise.
    private static func quietKind(_ path: String, _ root: BeneathDirectory) -> FileKind? {
        guard let file = try? root.open(path, BeneathDirectory.pathOnly) else { return nil }
        var status = stat()
        guard fstat(file.number, &status) == 0 else { return nil }
        return FileKind(mode: status.st_mode)
    }

    /// What is different at the end of a session: protected paths that did not exist and now do, links that lead elsewhere,
    /// protected ones that are another file than before (an editor on the host that saves by renaming does this too).
    public static func changes(since plan: ProtectionPlan) throws -> [ProtectionPlan.Change] {
        try describing("cannot check the protected paths of \(plan.root.printable)") {
            let root = try BeneathDirectory(plan.root)
            var result: [ProtectionPlan.Change] = []
            for item in plan.missing {
                if let status = try lookUp(item.path, root) {
                    result.append(
                        .init(
                            path: item.path, reason: item.reason, kind: .written, isDirectory: FileKind(mode: status.st_mode) == .directory)
                    )
                }
            }
            for link in plan.links {
                let (parent, name) = split(link.path)
                guard let directory = try? root.holder(parent), directory.readLink(name) == link.target else {
                    result.append(.init(path: link.path, reason: link.reason, kind: .replaced, isDirectory: false))
                    continue
                }
            }
            for item in plan.watched {
                let status = try lookUp(item.path, root)
                if status.map({ "\($0.st_dev):\($0.st_ino)" }) != item.inode {
                    result.append(
                        .init(
                            path: item.path, reason: item.reason, kind: .replaced,
                            isDirectory: status.flatMap { FileKind(mode: $0.st_mode) } == .directory))
                }
            }
            return result
        }
    }

    /// The status of a path, its last component not followed; nil when it is missing or a link is on the way.
    private static func lookUp(_ path: String, _ root: BeneathDirectory) throws(SystemError) -> stat? {
        let (parent, name) = split(path)
        do {
            return try root.holder(parent).status(name)
        } catch  where [ENOENT, ENOTDIR, ELOOP].contains(error.errno) {
            return nil
        }
    }

    static func split(_ path: String) -> (parent: String, name: String) {
        (path.contains("/") ? FileSystem.parent(of: path) : ".", FileSystem.lastComponent(of: path))
    }
}
