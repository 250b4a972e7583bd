import CoopErrors
import Glibc
import LinuxKernel

/// Walks a workspace for what no list of names can cover: repositories in repositories, sockets, programs with borrowed rights,
/// links that leave.
///
/// Every directory is opened below the root without following a link (openat2(2)), so that a workload that still runs cannot lead
/// the walk elsewhere. Nothing found is opened, executed, or given to git.
public struct WorkspaceScan: Sendable {
    /// How far a scan goes.
    public struct Budget: Sendable {
        /// Directory entries looked at.
        public var entries: Int
        /// Levels below the root; 1 is the root's own entries.
        public var depth: Int
        /// Milliseconds, on a busy machine and from a cold disk as well.
        public var time: Int
        /// Milliseconds of processor time: how busy the machine is does not decide what is protected.
        public var work = Int.max
        /// Findings kept of each kind; more are only counted.
        public var findings = 200

        /// At a start: what exists near the top, quickly.
        public static let start = Budget(entries: 20_000, depth: 3, time: 300, work: 50)
        /// At an end: everything.
        public static let end = Budget(entries: 5_000_000, depth: 4096, time: 60_000)
    }

    /// What a scan saw.
    public struct Report: Sendable, Equatable {
        public var findings: [ScanFinding] = []
        /// Whether everything within the depth was seen.
        public var isComplete = true
        /// Entries looked at.
        public var entries = 0
        /// How many findings of a kind were not kept.
        public var omitted: [ScanFinding.Kind: Int] = [:]
        /// How many were.
        fileprivate var kept: [ScanFinding.Kind: Int] = [:]

        /// Keeps a finding; beyond `most` of its kind only their number.
        fileprivate mutating func add(_ finding: ScanFinding, most: Int) {
            // Repositories are always kept: each of them has to be dealt with.
            if !finding.kind.isRepository, kept[finding.kind, default: 0] >= most {
                omitted[finding.kind, default: 0] += 1
            } else {
                kept[finding.kind, default: 0] += 1
                findings.append(finding)
            }
        }

        /// Adds what was seen in one directory.
        fileprivate mutating func add(_ part: Report, most: Int) {
            entries += part.entries
            isComplete = isComplete && part.isComplete
            for finding in part.findings { add(finding, most: most) }
            for (kind, count) in part.omitted { omitted[kind, default: 0] += count }
        }

        /// Repositories, to be made read-only in the sandbox.
        public var repositories: [String] { findings.filter(\.kind.isRepository).map(\.path) }
    }

    /// Directories whose contents a start does not look into: generated, large, and rebuilt by tools inside.
    package static let generated: Set<String> = [
        "node_modules", "target", ".venv", "venv", "build", "dist", ".build", ".tox", "__pycache__", ".cache", ".gradle", ".next", "vendor",
    ]

    private let root: String
    private let budget: Budget
    private let isFull: Bool
    /// Paths that a start scan found, which were read-only during the session.
    private let known: Set<PathBytes>
    private let since: timespec?
    /// Whether the root's own `.git` is the user's, which the sandbox could not write.
    private let ownsDotGit: Bool

    private init(root: String, budget: Budget, isFull: Bool, known: Set<PathBytes>, since: timespec?, ownsDotGit: Bool) {
        self.ownsDotGit = ownsDotGit
        self.root = root
        self.budget = budget
        self.isFull = isFull
        self.known = known
        self.since = since
    }

    /// The scan before a session: repositories near the top, without looking at files one by one.
    public static func start(_ root: String, budget: Budget = .start) throws -> Report {
        try WorkspaceScan(root: root, budget: budget, isFull: false, known: [], since: nil, ownsDotGit: true).walk()
    }

    /// The scan after a session.
    ///
    /// - Parameters:
    ///   - hadRepository: whether the workspace had a `.git` at the start. If it had none, one at the top was made inside.
    ///   - known: the repositories that the start scan found.
    ///   - since: when the session started, in seconds and nanoseconds of CLOCK_REALTIME.
    public static func end(
        _ root: String, hadRepository: Bool, known: [String], since: timespec, budget: Budget = .end
    ) throws -> Report {
        try WorkspaceScan(
            root: root, budget: budget, isFull: true, known: Set(known.map { PathBytes($0) }), since: since,
            ownsDotGit: hadRepository
        ).walk()
    }

    /// The time to hand to ``end(_:hadRepository:known:since:budget:)`` later.
    public static func now() -> timespec {
        var now = timespec()
        // Files get the time of the last tick (CLOCK_REALTIME_COARSE), which may lie before a precise clock's.
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        return now
    }

    /// What threads share that walk together.
    private struct Progress {
        /// The directories that are still to be looked at, with their levels.
        var left: [(path: String, depth: Int)] = [(".", 1)]
        /// How many threads are in a directory, and may find more of them.
        var busy = 0
        var report = Report()
        var failure: SystemError?
    }

    /// After so many entries a walk goes on with more threads: to start them takes as long as looking at a hundred.
    private static let entriesAlone = 2000
    private static let mostThreads = 8

    private func walk() throws -> Report {
        try describing("cannot scan \(root.printable)") {
            let top = try BeneathDirectory(root)
            let progress = Monitor(Progress())
            let end = milliseconds(CLOCK_MONOTONIC) + budget.time
            if isFull {
                work(top, progress, until: end, entries: WorkspaceScan.entriesAlone)
                let threads = min(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), WorkspaceScan.mostThreads)
                let isOver = progress.change { $0.left.isEmpty }
                if !isOver { ParallelWork.run(threads: threads) { work(top, progress, until: end) } }
            } else {
                work(top, progress, until: end)
            }
            var (report, failure) = progress.change { ($0.report, $0.failure) }
            if let failure { throw failure }
            // Threads find them in any order.
            report.findings.sort { $0.path < $1.path }
            return report
        }
    }

    /// Looks at directories as long as there are any, and the budget allows it.
    ///
    /// - Parameters:
    ///   - end: in milliseconds of CLOCK_MONOTONIC.
    ///   - most: after how many entries another call goes on.
    private func work(_ top: BeneathDirectory, _ progress: Monitor<Progress>, until end: Int, entries most: Int = .max) {
        let start = milliseconds(CLOCK_THREAD_CPUTIME_ID)
        while true {
            let isLate = milliseconds(CLOCK_MONOTONIC) >= end || milliseconds(CLOCK_THREAD_CPUTIME_ID) - start >= budget.work
            let next: (path: String, depth: Int, limit: Int)? = progress.wait { progress in
                if progress.failure != nil || progress.report.entries >= most { return .some(nil) }
                guard let next = progress.left.last else { return progress.busy == 0 ? .some(nil) : nil }
                if isLate || progress.report.entries >= budget.entries {
                    progress.report.isComplete = false
                    return .some(nil)
                }
                progress.left.removeLast()
                progress.busy += 1
                return (next.path, next.depth, budget.entries - progress.report.entries)
            }
            guard let (path, depth, limit) = next else { return }
            var part = Report()
            let found = Result { () throws(SystemError) in try visit(top, path, depth, limit, &part) }
            progress.change { progress in
                progress.busy -= 1
                progress.report.add(part, most: budget.findings)
                switch found {
                case .success(let below): progress.left += below
                case .failure(let error): progress.failure = error
                }
            }
        }
    }

    /// Looks at one directory.
    ///
    /// - Parameter limit: how many of its entries may be looked at.
    /// - Returns: those in it that are to be looked at as well, or itself where it has to be looked at again.
    private func visit(
        _ top: BeneathDirectory, _ path: String, _ depth: Int, _ limit: Int, _ report: inout Report
    ) throws(SystemError) -> [(path: String, depth: Int)] {
        let entries: [(name: String, kind: FileKind?)]
        let directory: BeneathDirectory
        do {
            directory = try top.directory(path)
            entries = try directory.entries(limit: limit + 1)
        } catch  where error.errno == ENOENT || error.errno == ENOTDIR {
            return [] // It was removed, or exchanged, since its parent was read.
        } catch {
            let isNew = changed(top, path)
            // What the session has closed is looked into as well: whoever opens it again would find what it holds.
            if isNew, error.errno == EACCES, reopen(top, path) { return [(path, depth)] }
            add(.unreadable, path, error.reason, isNew: isNew, &report)
            return []
        }
        report.entries = entries.count
        report.isComplete = entries.count <= limit
        let isRepository = try look(at: directory, path, entries, &report)
        guard depth < budget.depth else { return [] }
        var below: [(path: String, depth: Int)] = []
        for entry in entries where entry.kind == .directory {
            if path == ".", ownsDotGit, entry.name == ".git" { continue }
            let child = WorkspaceScan.join(path, entry.name)
            if known.contains(PathBytes(child)) { continue }
            // The objects of a repository are data, in many directories.
            if isRepository, entry.name == "objects" { continue }
            if !isFull, WorkspaceScan.generated.contains(entry.name) { continue }
            below.append((child, depth + 1))
        }
        return below
    }

    /// Whether a directory that cannot be read was made or changed since the session's start, or nobody can tell.
    private func changed(_ top: BeneathDirectory, _ path: String) -> Bool {
        var status = stat()
        guard isFull, let directory = try? top.open(path, BeneathDirectory.pathOnly | O_NOFOLLOW), fstat(directory.number, &status) == 0
        else {
            return isFull
        }
        return isNew(status)
    }

    /// Gives the user back the rights to a directory of its own; false where it has them or cannot have them: it is reported then.
    private func reopen(_ top: BeneathDirectory, _ path: String) -> Bool {
        var status = stat()
        guard let directory = try? top.open(path, BeneathDirectory.pathOnly | O_NOFOLLOW | O_DIRECTORY),
            fstat(directory.number, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o700 != 0o700
        else { return false }
        return chmod("/proc/self/fd/\(directory.number)", status.st_mode & 0o7777 | 0o700) == 0
    }

    /// Git looks for `.git`; on a file system that ignores case it finds other spellings.
    static func isDotGit(_ name: String) -> Bool { name.utf8.count == 4 && name.lowercased() == ".git" }

    private static func join(_ path: String, _ name: String) -> String { path == "." ? name : "\(path)/\(name)" }

    /// Whether a directory holds what git looks for in a repository.
    private static func isRepository(_ entries: [(name: String, kind: FileKind?)]) -> Bool {
        var found: Set<String> = []
        for entry in entries {
            // By length and first letter before all: to lower every name of a large tree takes longer than to read them.
            let name = entry.name.utf8
            guard let first = name.first, marks.contains(where: { $0.utf8.count == name.count && $0.utf8.first == first | 0x20 }) else {
                continue
            }
            found.insert(entry.name.lowercased())
        }
        return found.contains("head") && (found.isSuperset(of: ["objects", "refs"]) || found.contains("commondir"))
    }

    private static let marks = ["head", "objects", "refs", "commondir"]

    /// Findings of one directory; true when git would take it for a repository.
    private func look(
        at directory: BeneathDirectory, _ path: String, _ entries: [(name: String, kind: FileKind?)], _ report: inout Report
    ) throws(SystemError) -> Bool {
        let isRepository = WorkspaceScan.isRepository(entries)
        if isRepository, path != ".", !known.contains(PathBytes(path)) {
            let isDotGit = WorkspaceScan.isDotGit(FileSystem.lastComponent(of: path))
            if !isDotGit { add(.bareRepository, path, "", isNew: isNewRepository(directory), &report) }
        }
        if isRepository, path == "." { add(.bareRepository, path, "the workspace itself", isNew: isNewRepository(directory), &report) }
        for entry in entries {
            // Most entries need no path of their own.
            var child: String { WorkspaceScan.join(path, entry.name) }
            if WorkspaceScan.isDotGit(entry.name) {
                // The root's own was replaced by the private git directory while the sandbox ran.
                let isOwn = path == "." && entry.name == ".git" && ownsDotGit
                if !isOwn, !known.contains(PathBytes(child)) { try lookAtDotGit(directory, entry, child, &report) }
                continue
            }
            switch entry.kind {
            case .socket: add(.unixSocket, child, "", isNew: try isNew(directory.status(entry.name)), &report)
            case .characterDevice, .blockDevice: add(.device, child, "", isNew: try isNew(directory.status(entry.name)), &report)
            case .symlink where isFull:
                guard let status = try directory.status(entry.name), isNew(status), let text = directory.readLink(entry.name) else {
                    continue
                }
                if leaves(path, text) { add(.leavingLink, child, text, isNew: true, &report) }
            case .file where isFull:
                guard let status = try directory.status(entry.name) else { continue }
                if status.st_mode & (S_ISUID | S_ISGID) != 0 { add(.setuid, child, "", isNew: isNew(status), &report) }
                if status.st_nlink > 1, isNew(status) { add(.hardLink, child, "\(status.st_nlink) names", isNew: true, &report) }
            default: break
            }
        }
        return isRepository
    }

    private func lookAtDotGit(
        _ directory: BeneathDirectory, _ entry: (name: String, kind: FileKind?), _ path: String, _ report: inout Report
    ) throws(SystemError) {
        let status = try directory.status(entry.name)
        switch entry.kind {
        case .directory:
            let inner = try? directory.directory(entry.name)
            add(.gitDirectory, path, "", isNew: inner.map(isNewRepository) ?? true, &report)
        case .file:
            let bytes = (try? directory.read(entry.name, limit: 1 << 16)) ?? nil
            let line = String(osBytes: (bytes ?? []).prefix { $0 != UInt8(ascii: "\n") })
            add(.gitFile, path, line.hasPrefix("gitdir: ") ? String(line.dropFirst(8)) : line, isNew: isNew(status), &report)
        case .symlink:
            add(.gitLink, path, directory.readLink(entry.name) ?? "", isNew: isNew(status), &report)
        default:
            break
        }
    }

    /// Whether the directory itself or one of the files that git obeys was made or changed since the session's start.
    private func isNewRepository(_ directory: BeneathDirectory) -> Bool {
        for name in [".", "HEAD", "config", "config.worktree", "commondir", "hooks", "info", "info/attributes", "objects/info/alternates"] {
            let (parent, last) = ProtectedPaths.split(name)
            guard let holder = try? directory.directory(parent), let found = try? holder.status(last) else { continue }
            if isNew(found) { return true }
        }
        if let hooks = try? directory.directory("hooks"), let entries = try? hooks.entries(limit: 1000) {
            if entries.count >= 1000 { return true }
            for entry in entries where (try? hooks.status(entry.name)).map({ isNew($0) }) ?? true { return true }
        }
        return false
    }

    private func isNew(_ status: stat?) -> Bool {
        guard let since, let status else { return since != nil }
        let changed = status.st_ctim
        return changed.tv_sec > since.tv_sec || (changed.tv_sec == since.tv_sec && changed.tv_nsec >= since.tv_nsec)
    }

    /// By text alone: where the link leads on the host when nothing on the way is a link itself.
    private func leaves(_ directory: String, _ text: String) -> Bool {
        let base = directory == "." ? root : FileSystem.join(root, directory)
        let target = FileSystem.normalize(FileSystem.join(base, text))
        return !FileSystem.contains(FileSystem.normalize(root), target)
    }

    private func add(_ kind: ScanFinding.Kind, _ path: String, _ detail: String, isNew: Bool, _ report: inout Report) {
        report.add(ScanFinding(kind: kind, path: path, detail: detail, isNew: isNew), most: budget.findings)
    }

    private func milliseconds(_ clock: clockid_t) -> Int {
        var now = timespec()
        clock_gettime(clock, &now)
        return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }
}
