import CoopErrors
import Glibc
import LinuxKernel

/// Makes harmless what a sandbox left in a workspace, without losing any of it.
///
/// A repository made inside keeps its commits, branches and files. What git would *obey* — config, config.worktree, hooks, and
/// commondir, which moves all of these elsewhere — is moved into a directory of coop's own, and a new config is written from the
/// keys that can run nothing. A `.git` file or link that leads somewhere the sandbox could write is moved away whole.
public struct Quarantine: Sendable {
    /// What was done about one finding.
    public struct Action: Sendable, Equatable {
        public var finding: ScanFinding
        /// In words, for a person: `config and hooks moved to …`.
        public var description: String
        /// Whether it is harmless now.
        public var isNeutral: Bool
        /// Whether nothing was taken away that anybody could miss: what `git init` and `git clone` write.
        public var isOrdinary = false
    }

    private let root: BeneathDirectory
    private let store: String
    private let repository: GitRepository?

    /// - Parameters:
    ///   - root: the workspace.
    ///   - store: a directory of coop's own for this session; made when needed.
    ///   - repository: the workspace's own repository: a `.git` file that leads into it (a submodule) is left in place.
    public init(root: String, store: String, repository: GitRepository?) throws {
        self.root = try describing("cannot open \(root.printable)") { try BeneathDirectory(root) }
        self.store = store
        self.repository = repository
    }

    /// Deals with every new finding of an end scan that can be dealt with; the others are only reported.
    public func neutralise(_ findings: [ScanFinding]) throws -> [Action] {
        var actions: [Action] = []
        for (number, finding) in findings.enumerated() where finding.isNew {
            let place = FileSystem.join(store, String(number))
            do throws(SystemError) {
                switch finding.kind {
                case .gitDirectory, .bareRepository: actions.append(try repository(finding, place))
                case .gitFile, .gitLink: actions.append(try pointer(finding, place))
                case .setuid: actions.append(try withoutRights(finding))
                case .unixSocket, .device, .hardLink, .leavingLink, .unreadable: continue
                }
            } catch {
                if error.errno == ENOENT { continue }
                actions.append(Action(finding: finding, description: "could not be made harmless: \(error.description)", isNeutral: false))
            }
        }
        return actions
    }

    private static let obeyed = ["config", "config.worktree", "commondir", "hooks"]

    private func repository(_ finding: ScanFinding, _ place: String) throws(SystemError) -> Action {
        let directory = try root.directory(finding.path)
        let isBare = finding.kind == .bareRepository
        // Read before anything is moved; an unreadable or odd one simply gives nothing to keep.
        let old = ((try? directory.read("config", limit: 1 << 20)) ?? nil).flatMap(GitConfiguration.parse)
        let safe = Quarantine.safeConfiguration(old, bare: isBare)
        let isOrdinary = try Quarantine.isOrdinary(old, safe: safe, in: directory)
        var moved: [String] = []
        // Other spellings count on a file system that ignores case.
        for entry in try directory.entries() where Quarantine.obeyed.contains(entry.name.lowercased()) {
            try move(entry.name, from: directory, to: place)
            moved.append(entry.name)
        }
        let file = try directory.open("config", O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        try file.writeAll(safe.text.osBytes, subject: FileSystem.join(finding.path, "config"))
        let list = moved.sorted().joined(separator: ", ")
        return Action(
            finding: finding, description: list.isEmpty ? "given a safe config" : "\(list.printable) moved to \(place.printable)",
            isNeutral: true,
            isOrdinary: isOrdinary)
    }

    /// Keys of `git init` that describe the file system, and that git finds out again.
    private static let described: Set<String> = [
        "repositoryformatversion", "bare", "filemode", "ignorecase", "symlinks", "logallrefupdates", "precomposeunicode",
    ]

    private static func isOrdinary(
        _ old: GitConfiguration?, safe: GitConfiguration, in directory: BeneathDirectory
    ) throws(SystemError) -> Bool {
        guard let old else { return false }
        let kept = Set(safe.entries)
        guard old.entries.allSatisfy({ kept.contains($0) || ($0.section == "core" && described.contains($0.name)) }) else { return false }
        for entry in try directory.entries() {
            switch entry.name.lowercased() {
            case "config.worktree", "commondir": return false
            case "hooks":
                guard entry.kind == .directory else { return false }
                let names = try directory.directory(entry.name).entries(limit: 100).map(\.name)
                guard names.count < 100, names.allSatisfy({ $0.hasSuffix(".sample") }) else { return false }
            default: continue
            }
        }
        return true
    }

    /// The keys of a repository made inside that can run nothing and lead nowhere.
    static func safeConfiguration(_ old: GitConfiguration?, bare: Bool) -> GitConfiguration {
        var entries: [GitConfiguration.Entry] = []
        if let old {
            entries = GitConfigurationPolicy.allowed(old).filter { entry in
                switch entry.section {
                case "extensions": entry.name == "objectformat"
                case "remote", "submodule":
                    // `ext::` and the like run a command; an address that starts with "-" is an option.
                    !(entry.value ?? "").contains("::") && !(entry.value ?? "").hasPrefix("-") && entry.name != "promisor"
                        && entry.name != "partialclonefilter" && !(entry.subsection ?? "").hasPrefix("-")
                case "branch": !(entry.value ?? "").contains("::") && !(entry.value ?? "").hasPrefix("-")
                default: true
                }
            }
        }
        let extended = entries.contains { $0.section == "extensions" }
        entries.append(.init(section: "core", subsection: nil, name: "repositoryformatversion", value: extended ? "1" : "0"))
        entries.append(.init(section: "core", subsection: nil, name: "bare", value: bare ? "true" : "false"))
        return GitConfiguration(entries: entries)
    }

    private func pointer(_ finding: ScanFinding, _ place: String) throws(SystemError) -> Action {
        let (parent, name) = ProtectedPaths.split(finding.path)
        let holder = try root.directory(parent)
        if finding.kind == .gitFile, let repository {
            let base = FileSystem.join(root.path, parent == "." ? "" : parent)
            let target = FileSystem.normalize(FileSystem.join(base, finding.detail))
            // Into the user's real repository, which no sandbox can write: what `git submodule add` and `git worktree add` make.
            if FileSystem.contains(repository.commonDirectory, target) || FileSystem.contains(repository.gitDirectory, target)
                || FileSystem.contains(FileSystem.join(root.path, ".git"), target)
            {
                return Action(finding: finding, description: "leads into the workspace's own repository; left in place", isNeutral: true)
            }
        }
        try move(name, from: holder, to: place)
        return Action(finding: finding, description: "moved to \(place.printable)", isNeutral: true)
    }

    private func withoutRights(_ finding: ScanFinding) throws(SystemError) -> Action {
        let file = try root.open(finding.path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        var status = stat()
        try check("fstat", finding.path) { fstat(file.number, &status) }
        guard FileKind(mode: status.st_mode) == .file else { throw SystemError("open", finding.path, errno: ENOENT) }
        try check("fchmod", finding.path) { fchmod(file.number, status.st_mode & 0o777) }
        return Action(finding: finding, description: "set-user-id and set-group-id bits removed", isNeutral: true)
    }

    /// Moves one name into the store. Where that is another file system, the name stays in its directory under another one, which
    /// git does not know: a rename is atomic and loses nothing, whatever the thing is.
    private func move(_ name: String, from directory: BeneathDirectory, to place: String) throws(SystemError) {
        try FileSystem.makeDirectories(place)
        let store = try Descriptor.open(place, O_RDONLY | O_DIRECTORY)
        if try rename(name, in: directory, to: name, in: store.number) { return }
        let aside = "\(name).quarantined-by-coop"
        for number in 0..<1000 {
            let target = number == 0 ? aside : "\(aside).\(number)"
            if try directory.status(target) == nil, try rename(name, in: directory, to: target, in: directory.descriptor.number) { return }
        }
        throw SystemError("rename", FileSystem.join(directory.path, name), errno: EEXIST)
    }

    /// false when the target is on another file system.
    private func rename(
        _ name: String, in directory: BeneathDirectory, to target: String, in other: Int32
    ) throws(SystemError) -> Bool {
        let code = name.withOSBytes { old in target.withOSBytes { renameat(directory.descriptor.number, old, other, $0) } }
        if code == 0 { return true }
        // EACCES, EPERM: a directory whose parent entry cannot be rewritten moves only within its own directory.
        if errno == EXDEV || errno == EACCES || errno == EPERM { return false }
        throw SystemError("rename", FileSystem.join(directory.path, name))
    }
}
