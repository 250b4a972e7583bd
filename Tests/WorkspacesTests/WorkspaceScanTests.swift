import CoopErrors
import Glibc
import LinuxKernel
import Testing

@testable import Workspaces

@Suite struct WorkspaceScanTests {
    private let temporary: TemporaryDirectory
    private let root: String

    init() throws {
        temporary = try TemporaryDirectory()
        root = temporary("w")
        try FileSystem.makeDirectories(root)
    }

    private func repository(_ name: String, _ options: [String] = []) throws {
        try sh(["git", "init", "-q"] + options + [FileSystem.join(root, name)], in: root)
    }

    private func endScan(since: timespec = timespec(), hadRepository: Bool = true, known: [String] = []) throws -> WorkspaceScan.Report {
        try WorkspaceScan.end(root, hadRepository: hadRepository, known: known, since: since)
    }

    private func neutralise(_ report: WorkspaceScan.Report) throws -> [Quarantine.Action] {
        try Quarantine(root: root, store: temporary("q"), repository: try? GitRepository.find(at: root)).neutralise(report.findings)
    }

    private func kinds(_ report: WorkspaceScan.Report) -> [String: ScanFinding.Kind] {
        Dictionary(report.findings.map { ($0.path, $0.kind) }) { first, _ in first }
    }

    /// The configuration git sees when somebody on the host works in `name`.
    private func seen(_ name: String) throws -> String {
        try sh(["git", "config", "--list"], in: FileSystem.join(root, name), allowFailure: true)
    }

    @Test func `a start finds repositories near the top and looks into nothing generated`() throws {
        try repository(".")
        try repository("a/lib")
        try repository("node_modules/x")
        try repository("one/two/three/four")
        try repository("bare.data", ["--bare"])
        // How long it may take is not the question here: a busy machine may need more than a start has.
        var budget = WorkspaceScan.Budget.start
        budget.time = 60_000
        let report = try WorkspaceScan.start(root, budget: budget)
        #expect(report.repositories.sorted() == ["a/lib/.git", "bare.data"])
        #expect(report.isComplete)
    }

    @Test func `an end finds every kind of thing`() throws {
        try repository(".")
        try repository("new")
        try repository("docs", ["--bare"])
        try FileSystem.makeDirectories(root + "/wt")
        try writeFile(root + "/wt/.git", Array("gitdir: /tmp/evil\n".utf8))
        try FileSystem.makeDirectories(root + "/ln")
        _ = symlink("../docs", root + "/ln/.git")
        _ = symlink("/etc/passwd", root + "/leaving")
        _ = symlink("docs/HEAD", root + "/staying")
        try writeFile(root + "/su", [])
        _ = chmod(root + "/su", 0o4755)
        try writeFile(root + "/one", [])
        _ = link(root + "/one", root + "/two")
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array((root + "/sock").utf8)) }
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        close(socket)
        let report = try endScan()
        #expect(
            kinds(report) == [
                "new/.git": .gitDirectory, "docs": .bareRepository, "wt/.git": .gitFile, "ln/.git": .gitLink, "leaving": .leavingLink,
                "su": .setuid, "one": .hardLink, "two": .hardLink, "sock": .unixSocket,
            ])
        #expect(report.findings.allSatisfy { $0.isNew })
    }

    @Test func `a repository that is older than the session and untouched is not new`() throws {
        try repository("old")
        try repository("touched")
        var later = timespec()
        clock_gettime(CLOCK_REALTIME, &later)
        later.tv_nsec = 0
        later.tv_sec += 1
        let report = try endScan(since: later)
        #expect(report.findings.count == 2 && report.findings.allSatisfy { !$0.isNew })
        #expect(try neutralise(report).isEmpty)
        #expect(FileSystem.kind(root + "/touched/.git/hooks") == .directory)
    }

    @Test func `a hostile repository loses its config and hooks, and keeps its commits`() throws {
        try repository("evil")
        let path = root + "/evil"
        for (key, value) in [
            ("core.fsmonitor", "touch \(temporary("ran"))"), ("core.hooksPath", "h"), ("filter.x.clean", "touch \(temporary("ran"))"),
            ("user.name", "Eve"), ("user.email", "e@x"), ("remote.origin.url", "ext::sh -c evil"), ("remote.ok.url", "https://h/x"),
        ] { try sh(["git", "config", "-f", path + "/.git/config", key, value], in: root) }
        try sh(
            ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", "kept"], in: path
        )
        try writeFile(path + "/.git/hooks/post-checkout", Array("#!/bin/sh\ntouch \(temporary("ran"))\n".utf8), mode: 0o755)
        let actions = try neutralise(try endScan())
        #expect(actions.count == 1 && actions[0].isNeutral)
        let config = try seen("evil")
        #expect(!config.contains("fsmonitor") && !config.contains("hookspath") && !config.contains("ext::") && !config.contains("filter"))
        #expect(config.contains("user.name=Eve") && config.contains("remote.ok.url"))
        try sh(["git", "status"], in: path)
        try sh(["git", "checkout", "-q", "-b", "x"], in: path)
        #expect(FileSystem.kind(temporary("ran")) == nil)
        #expect(try sh(["git", "log", "--format=%s"], in: path) == "kept")
        // Nothing is lost.
        let stored = try FileSystem.list(temporary("q/0")).sorted()
        #expect(stored == ["config", "hooks"])
    }

    @Test func `docs with HEAD and core.worktree, and a commondir that leads elsewhere, are made harmless`() throws {
        try repository("docs", ["--bare"])
        try sh(["git", "config", "-f", root + "/docs/config", "core.worktree", root], in: root)
        try sh(["git", "config", "-f", root + "/docs/config", "core.bare", "false"], in: root)
        try sh(["git", "config", "-f", root + "/docs/config", "core.fsmonitor", "touch \(temporary("ran"))"], in: root)
        // A git directory whose config lies in a directory that looks like nothing.
        try FileSystem.makeDirectories(root + "/x/.git")
        try FileSystem.makeDirectories(root + "/plain/objects")
        try FileSystem.makeDirectories(root + "/plain/refs")
        try writeFile(root + "/plain/config", Array("[core]\n\tfsmonitor = touch \(temporary("ran"))\n".utf8))
        try writeFile(root + "/x/.git/HEAD", Array("ref: refs/heads/main\n".utf8))
        try writeFile(root + "/x/.git/commondir", Array("../../plain\n".utf8))
        let before = try seen("x")
        #expect(before.contains("fsmonitor"))
        let actions = try neutralise(try endScan())
        #expect(actions.count == 2 && actions.allSatisfy { $0.isNeutral })
        #expect(try !seen("docs").contains("worktree") && !seen("docs").contains("fsmonitor"))
        #expect(try !seen("x").contains("fsmonitor"))
        try sh(["git", "status"], in: root + "/docs", allowFailure: true)
        #expect(FileSystem.kind(temporary("ran")) == nil)
    }

    @Test func `git directories in a git directory are found as well`() throws {
        try repository("a")
        try repository("a/.git/modules/sub", ["--bare"])
        let found = kinds(try endScan())
        #expect(found == ["a/.git": .gitDirectory, "a/.git/modules/sub": .bareRepository])
    }

    @Test func `a .git made where there was none at the start is dealt with, the user's own is not looked at`() throws {
        try repository(".")
        #expect(try endScan(hadRepository: true).findings.isEmpty)
        let report = try endScan(hadRepository: false)
        #expect(kinds(report)[".git"] == .gitDirectory)
        #expect(try Quarantine(root: root, store: temporary("q"), repository: nil).neutralise(report.findings).count == 1)
    }

    @Test func `a .git file is moved away unless it leads into the workspace's own repository`() throws {
        try repository(".")
        for (name, target) in [("sub", "../.git/modules/sub"), ("evil", "../data"), ("abs", "/home/x"), ("trick", "../.git/../data")] {
            try FileSystem.makeDirectories(root + "/" + name)
            try writeFile(root + "/\(name)/.git", Array("gitdir: \(target)\n".utf8))
        }
        _ = try neutralise(try endScan())
        #expect(FileSystem.kind(root + "/sub/.git") == .file)
        for name in ["evil", "abs", "trick"] { #expect(FileSystem.kind(root + "/\(name)/.git") == nil) }
    }

    @Test func `set-user-id bits are removed and contents kept`() throws {
        try writeFile(root + "/su", Array("x".utf8))
        _ = chmod(root + "/su", 0o6755)
        _ = try neutralise(try endScan())
        let mode = try FileSystem.status(root + "/su").map { $0.st_mode & 0o7777 }
        #expect(mode == 0o755)
    }

    @Test func `links in the place of directories lead neither scan nor quarantine out`() throws {
        try FileSystem.makeDirectories(temporary("outside/.git/hooks"))
        for name in ["HEAD", "config"] { try writeFile(temporary("outside/.git/" + name), []) }
        for name in ["objects", "refs"] { try FileSystem.makeDirectories(temporary("outside/.git/" + name)) }
        _ = symlink(temporary("outside"), root + "/dir")
        #expect(try endScan().findings.map(\.kind) == [.leavingLink])
        // Found as a directory, and exchanged before it is dealt with.
        for path in ["dir/.git", "dir"] {
            let finding = ScanFinding(kind: .gitDirectory, path: path, isNew: true)
            let actions = try Quarantine(root: root, store: temporary("q"), repository: nil).neutralise([finding])
            #expect(actions.allSatisfy { !$0.isNeutral })
        }
        let su = try Quarantine(root: root, store: temporary("q"), repository: nil)
            .neutralise([ScanFinding(kind: .setuid, path: "dir/.git/config", isNew: true)])
        #expect(su.allSatisfy { !$0.isNeutral })
        #expect(try FileSystem.list(temporary("outside/.git")).sorted() == ["HEAD", "config", "hooks", "objects", "refs"])
    }

    @Test func `links and FIFOs as config or hooks are moved away, not followed or waited for`() throws {
        try repository("a")
        try FileSystem.removeFile(root + "/a/.git/config")
        _ = symlink("/etc/passwd", root + "/a/.git/config")
        try repository("b")
        try FileSystem.removeFile(root + "/b/.git/config")
        _ = mkfifo(root + "/b/.git/config", 0o644)
        let actions = try neutralise(try endScan())
        #expect(actions.count == 2 && actions.allSatisfy { $0.isNeutral })
        #expect(FileSystem.kind(root + "/a/.git/config", followLinks: false) == .file)
        #expect(FileSystem.kind(root + "/b/.git/config", followLinks: false) == .file)
    }

    @Test func `another file system for the store changes the place, not the effect`() throws {
        guard let status = try FileSystem.status("/dev/shm"), let own = try FileSystem.status(root), status.st_dev != own.st_dev else {
            return
        }
        try repository("evil")
        let store = "/dev/shm/coop-\(FileSystem.lastComponent(of: temporary.path))"
        defer { try? FileSystem.removeTree(store) }
        let actions = try Quarantine(root: root, store: store, repository: nil).neutralise(try endScan().findings)
        #expect(actions.map(\.isNeutral) == [true])
        #expect(FileSystem.kind(root + "/evil/.git/hooks.quarantined-by-coop") == .directory)
        #expect(FileSystem.kind(root + "/evil/.git/hooks") == nil)
    }

    @Test func `a budget ends the scan and says so`() throws {
        for number in 0..<200 { try FileSystem.makeDirectories(root + "/d\(number)") }
        let small: [WorkspaceScan.Budget] = [
            .init(entries: 50, depth: 3, time: 60_000), .init(entries: 1000, depth: 3, time: 0),
            .init(entries: 1000, depth: 3, time: 60_000, work: 0),
        ]
        for budget in small { #expect(try !WorkspaceScan.start(root, budget: budget).isComplete) }
        #expect(try WorkspaceScan.start(root, budget: .init(entries: 1000, depth: 3, time: 60_000)).isComplete)
        for number in 0..<300 { _ = symlink("/etc", root + "/l\(number)") }
        let full = try endScan()
        #expect(full.findings.count == 200 && full.omitted[.leavingLink] == 100)
    }

    @Test func `threads that share a walk see everything once`() throws {
        var (entries, repositories) = (0, [String]())
        for outer in 0..<50 {
            entries += 1
            for inner in 0..<5 {
                let directory = "\(outer)/\(inner)"
                try FileSystem.makeDirectories(root + "/" + directory)
                for number in 0..<20 { try writeFile("\(root)/\(directory)/\(number)", []) }
                #expect(chmod("\(root)/\(directory)/7", 0o2755) == 0)
                entries += 21
                guard inner == outer % 7 else { continue }
                // A repository with one in it.
                repositories += ["\(directory)/.git", "\(directory)/.git/modules/x"]
                for git in repositories.suffix(2) {
                    for name in ["objects/00", "refs"] { try FileSystem.makeDirectories("\(root)/\(git)/\(name)") }
                    try writeFile("\(root)/\(git)/HEAD", [])
                }
                entries += 9
            }
        }
        let report = try endScan()
        #expect(report.entries == entries && report.isComplete)
        #expect(report.repositories == repositories.sorted())
        #expect(report.findings.map(\.path) == report.findings.map(\.path).sorted())
        // Of each kind 200 are kept.
        #expect(report.findings.filter { $0.kind == .setuid }.count == 200 && report.omitted == [.setuid: 50])
        let budget = WorkspaceScan.Budget(entries: 3000, depth: 4096, time: 60_000)
        let part = try WorkspaceScan.end(root, hadRepository: true, known: [], since: timespec(), budget: budget)
        #expect(!part.isComplete && part.entries >= 3000 && part.entries < entries)
    }

    @Test func `a directory with more entries than may be looked at is not seen as a whole`() throws {
        for number in 0..<30 { try writeFile("\(root)/\(number)", []) }
        for entries in [29, 30] {
            let budget = WorkspaceScan.Budget(entries: entries, depth: 4096, time: 60_000)
            let report = try WorkspaceScan.end(root, hadRepository: true, known: [], since: timespec(), budget: budget)
            #expect(report.isComplete == (entries == 30))
        }
    }

    @Test func `names with control characters, line breaks and bytes outside UTF-8 are walked`() throws {
        let odd = String(osBytes: [0xFF, 0x1B, 0x0A, 0x41])
        try repository(odd)
        #expect(try endScan().findings.map(\.path) == [odd + "/.git"])
    }
}
