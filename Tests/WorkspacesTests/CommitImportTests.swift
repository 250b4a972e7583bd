import CoopErrors
import Glibc
import LinuxKernel
import Testing

@testable import Workspaces

@Suite struct CommitImportTests {
    /// Host and inside agree, and the host's repository is sound.
    private func expectSame(_ session: Session, _ place: SourceLocation = #_sourceLocation) throws {
        #expect(try session.status(inside: false) == session.status(inside: true), sourceLocation: place)
        #expect(try session.host("fsck", "--strict", "--no-dangling") == "", sourceLocation: place)
        let objects = session.privateGit.repository.objectDirectories[0]
        #expect(try FileSystem.list(objects).allSatisfy { !$0.hasPrefix("tmp_objdir") }, sourceLocation: place)
        let left = try FileSystem.list(session.privateGit.repository.gitDirectory).filter { $0.hasSuffix(".lock") || $0.contains("coop") }
        #expect(left.isEmpty, sourceLocation: place)
    }

    @Test func `nothing done inside starts no process and changes nothing`() throws {
        let session = try Session()
        try session.begin()
        try session.inside("status")
        let before = try FileSystem.read(session.work + "/.git/index")
        session.liar = { arguments, _, _ in throw CoopError(.failed, "was run: \(arguments)", "") }
        #expect(try session.importer().isNeeded() == false)
        let result = try session.finish()
        #expect(result == ImportResult())
        #expect(try FileSystem.read(session.work + "/.git/index") == before)
    }

    @Test func `commits, branches, tags, HEAD and staged changes arrive`() throws {
        let session = try Session(commits: 2)
        try session.begin()
        try session.commitInside("a", "a")
        try session.inside("checkout", "-q", "-b", "feature/x")
        try session.commitInside("b", "b")
        try session.inside("tag", "-a", "v1", "-m", "v1")
        try session.inside("tag", "light")
        try session.write("staged", "staged")
        try session.inside("add", "staged")
        try session.write("a", "changed")
        try session.write("untracked", "u")
        let result = try session.finish()
        #expect(result.outcome("refs/heads/main") == .fastForwarded)
        #expect(result.outcome("refs/heads/feature/x") == .created)
        #expect(result.outcome("refs/tags/v1") == .created)
        #expect(result.outcome("refs/tags/light") == .created)
        #expect(result.head == .taken && result.index == .taken && result.isComplete)
        try expectSame(session)
        #expect(try session.host("for-each-ref") == session.inside("for-each-ref"))
    }

    @Test func `a second import changes nothing more`() throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        try session.inside("checkout", "-q", "-b", "b")
        try session.write("c", "c")
        try session.inside("add", "c")
        try session.finish()
        let refs = try session.host("for-each-ref")
        let again = try session.finish()
        #expect(again.references.allSatisfy { $0.outcome == .alreadyThere })
        #expect(again.head == .taken && again.index == .taken)
        #expect(try session.host("for-each-ref") == refs)
        try expectSame(session)
    }

    @Test func `the first commit of an empty repository arrives`() throws {
        let session = try Session(commits: 0)
        try session.begin()
        try session.commitInside("a", "a")
        let result = try session.finish()
        #expect(result.outcome("refs/heads/main") == .created)
        #expect(result.index == .taken)
        try expectSame(session)
    }

    @Test func `only staged changes arrive without a commit, and the host keeps what it knows of other files`() throws {
        let session = try Session(commits: 3)
        try session.begin()
        try session.write("file1", "new\n")
        try session.inside("add", "file1")
        try session.inside("rm", "-q", "--cached", "file2")
        let result = try session.finish()
        #expect(result.references.isEmpty && result.index == .taken)
        #expect(try session.host("diff", "--cached", "--name-status") == "M\tfile1\nD\tfile2")
        let debug = try session.host("ls-files", "--debug", "file0")
        #expect(debug.contains("ino: ") && !debug.contains("ino: 0"))
        try expectSame(session)
    }

    @Test func `a branch that moved on the host keeps its commits, and the sandbox's wait under refs/coop`() throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        try session.host("commit", "-q", "--allow-empty", "-m", "mine")
        let mine = try session.host("rev-parse", "main")
        let theirs = try session.inside("rev-parse", "main")
        let result = try session.finish()
        guard case .parked(let name, _) = result.outcome("refs/heads/main") else {
            Issue.record("\(result)")
            return
        }
        #expect(name == "refs/coop/s1/heads/main")
        #expect(try session.host("rev-parse", "main") == mine)
        #expect(try session.host("rev-parse", name) == theirs)
        if case .left = result.index {} else { Issue.record("\(result.index)") }
    }

    @Test func `an amended commit, a moved tag and a stash wait under refs/coop`() throws {
        let session = try Session(commits: 2)
        try session.host("tag", "v1", "HEAD~1")
        try session.begin()
        try session.inside("commit", "-q", "--amend", "-m", "other")
        try session.inside("tag", "-f", "v1", "HEAD")
        for text in ["one", "two", "three"] {
            try session.write("file0", text)
            try session.inside("stash")
        }
        let main = try session.host("rev-parse", "main")
        let result = try session.finish()
        for (name, parked) in [
            ("refs/heads/main", "refs/coop/s1/heads/main"), ("refs/tags/v1", "refs/coop/s1/tags/v1"), ("refs/stash", "refs/coop/s1/stash"),
            ("refs/stash@{1}", "refs/coop/s1/stash-1"), ("refs/stash@{2}", "refs/coop/s1/stash-2"),
        ] {
            guard case .parked(parked, _) = result.outcome(name) else {
                Issue.record("\(name): \(result)")
                continue
            }
        }
        #expect(try session.host("show", "refs/coop/s1/stash-2:file0") == "one")
        #expect(try session.host("rev-parse", "main") == main)
        #expect(try session.host("stash", "list") == "")
    }

    @Test func `a branch deleted inside stays on the host and is reported`() throws {
        let session = try Session()
        try session.host("branch", "old")
        try session.begin()
        try session.inside("branch", "-D", "-q", "old")
        let result = try session.finish()
        guard case .skipped = result.outcome("refs/heads/old") else {
            Issue.record("\(result)")
            return
        }
        #expect(try session.host("rev-parse", "old") == session.host("rev-parse", "main"))
    }

    @Test func `a branch checked out in another worktree is not moved under it`() throws {
        let session = try Session()
        try session.host("branch", "side")
        try session.host("worktree", "add", "-q", session.temporary("other"), "side")
        try session.begin()
        try session.inside("checkout", "-q", "side")
        try session.commitInside("a", "a")
        let result = try session.finish()
        guard case .parked = result.outcome("refs/heads/side") else {
            Issue.record("\(result)")
            return
        }
        if case .left = result.head {} else { Issue.record("\(result.head)") }
        #expect(try sh(["git", "status", "--porcelain"], in: session.temporary("other")) == "")
    }

    @Test func `commits made in a linked worktree arrive in its own HEAD and index`() throws {
        let session = try Session(commits: 2)
        let tree = session.temporary("linked")
        try session.host("worktree", "add", "-q", "-b", "side", tree)
        try session.begin(in: tree)
        try session.commitInside("a", "a")
        try session.write("b", "b", in: tree)
        try session.inside("add", "b")
        let result = try session.finish()
        #expect(result.outcome("refs/heads/side") == .fastForwarded && result.index == .taken)
        try expectSame(session)
        #expect(try sh(["git", "status", "--porcelain"], in: session.work) == "")
    }

    @Test func `a detached HEAD follows`() throws {
        let session = try Session(commits: 2)
        try session.begin()
        try session.inside("checkout", "-q", "--detach")
        try session.commitInside("a", "a")
        let result = try session.finish()
        #expect(result.head == .taken && result.index == .taken)
        #expect(try session.host("rev-parse", "HEAD") == session.inside("rev-parse", "HEAD"))
        try expectSame(session)
        session.id = "s2"
        try session.begin()
        try session.commitInside("b", "b")
        try session.host("checkout", "-q", "main")
        let later = try session.finish()
        guard case .parked("refs/coop/s2/HEAD", _) = later.outcome("HEAD") else {
            Issue.record("\(later)")
            return
        }
    }

    @Test func `HEAD, index and checked-out branch stay when the workspace was not the host's own`() throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        try session.inside("checkout", "-q", "-b", "new")
        try session.commitInside("b", "b")
        let result = try session.finish(isLive: false)
        guard case .parked = result.outcome("refs/heads/main") else {
            Issue.record("\(result)")
            return
        }
        #expect(result.outcome("refs/heads/new") == .created)
        #expect(try session.host("symbolic-ref", "HEAD") == "refs/heads/main")
    }

    @Test func `staged changes stay inside when the workspace was not the host's own`() throws {
        let session = try Session()
        try session.begin()
        try session.write("file0", "staged")
        try session.inside("add", "file0")
        if case .left = try session.finish(isLive: false).index {} else { Issue.record("taken") }
        #expect(try session.host("diff", "--cached", "--name-only") == "")
    }

    @Test func `a change that only the racy check of git can see is still seen after an import`() throws {
        let session = try Session(commits: 2)
        try session.host("config", "core.trustctime", "false")
        let moment = [timespec(tv_sec: 1_767_000_000, tv_nsec: 0), timespec(tv_sec: 1_767_000_000, tv_nsec: 0)]
        func date(_ name: String) { name.withOSBytes { _ = utimensat(AT_FDCWD, $0, moment, 0) } }
        try session.write("file0", "aaaa")
        date(session.work + "/file0")
        try session.host("commit", "-q", "-a", "-m", "aaaa")
        date(session.work + "/.git/index")
        try session.begin()
        // Same size, same times, same inode: only that the entry is as young as the index makes git look at the contents.
        try session.write("file0", "bbbb")
        date(session.work + "/file0")
        try session.write("other", "o")
        try session.inside("update-index", "--add", "other")
        #expect(try session.finish().index == .taken)
        #expect(try session.host("status", "--porcelain") == " M file0\nA  other")
    }

    @Test func `conflicts inside do not hold the commits`() throws {
        let session = try Session()
        try session.begin()
        try session.inside("checkout", "-q", "-b", "x")
        try session.commitInside("file0", "x\n")
        try session.inside("checkout", "-q", "main")
        try session.commitInside("file0", "y\n")
        try session.inside("merge", "x", allowFailure: true)
        let result = try session.finish()
        #expect(result.outcome("refs/heads/main") == .fastForwarded && result.index == .taken)
        #expect(result.notes.count == 2)
        #expect(try session.host("status", "--porcelain") == " M file0")
    }

    @Test func `an index that the host changed, or has locked, is left alone`() throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        try writeFile(session.work + "/.git/index.lock", [])
        if case .left = try session.finish().index {} else { Issue.record("locked") }
        #expect(FileSystem.kind(session.work + "/.git/index.lock") == .file)
        try FileSystem.removeFile(session.work + "/.git/index.lock")
        try session.write("mine", "m")
        try session.host("add", "mine")
        if case .left = try session.finish().index {} else { Issue.record("changed") }
        #expect(try session.host("diff", "--cached", "--name-only").contains("mine"))
    }

    @Test func `split index, packed refs and 300 branches survive an import`() throws {
        let session = try Session(commits: 2)
        for number in 0..<300 { try session.host("branch", "b/\(number)") }
        try session.host("pack-refs", "--all")
        try session.host("update-index", "--split-index")
        try session.begin()
        for number in 0..<10 {
            try session.inside("checkout", "-q", "b/\(number)")
            try session.commitInside("f\(number)", "x")
        }
        try session.inside("pack-refs", "--all")
        try session.inside("gc", "-q")
        let result = try session.finish()
        #expect(result.references.count == 10 && result.isComplete)
        try expectSame(session)
    }

    @Test func `a shared clone and a shallow clone take commits`() throws {
        let session = try Session(commits: 4)
        let shared = session.temporary("shared")
        let shallow = session.temporary("shallow")
        try sh(["git", "clone", "-q", "--shared", session.work, shared], in: "/")
        try sh(["git", "clone", "-q", "--depth", "1", "file://" + session.work, shallow], in: "/")
        for (id, path) in [("s1", shared), ("s2", shallow)] {
            session.id = id
            try session.configure(path)
            try session.begin(in: path)
            try session.commitInside("a", "a")
            let result = try session.finish()
            #expect(result.outcome("refs/heads/main") == .fastForwarded && result.isComplete)
            #expect(try session.status(inside: false) == session.status(inside: true))
        }
    }

    @Test func `a killed import is finished by the next run, wherever it was killed`() throws {
        struct Killed: Error {}
        for target in CommitImport.Step.allCases {
            let session = try Session(commits: 2)
            try session.begin()
            try session.commitInside("a", "a")
            try session.inside("checkout", "-q", "-b", "b")
            try session.commitInside("b", "b")
            try session.write("c", "c")
            try session.inside("add", "c")
            try session.privateGit.save(to: session.temporary("record"))
            #expect(throws: Killed.self) { try session.finish { if $0 == target { throw Killed() } } }
            session.privateGit = try PrivateGit.load(from: session.temporary("record"))
            // A kill may also have left the objects it was about to remove.
            try session.write(".git/objects/tmp_objdir-coop-\(session.id)/pack/tmp_pack_1", "half", in: session.work)
            let result = try session.finish()
            #expect(result.isComplete, "\(target): \(result)")
            try expectSame(session)
            #expect(try leftovers(session) == "", "\(target)")
        }
    }

    @Test func `a lock that a killed import has left goes, also where the index is not to be touched any more`() throws {
        struct Killed: Error {}
        let session = try Session(commits: 2)
        try session.begin()
        try session.commitInside("a", "a")
        #expect(throws: Killed.self) { try session.finish { if $0 == .indexLocked { throw Killed() } } }
        #expect(try leftovers(session).contains("index.lock"))
        let head = try sh(["git", "rev-parse", "HEAD~1"], in: session.work)
        try sh(["git", "update-ref", "--no-deref", "HEAD", String(head.prefix { $0 != "\n" })], in: session.work)
        let result = try session.finish()
        guard case .left = result.index else {
            Issue.record("\(result)")
            return
        }
        #expect(try leftovers(session) == "")
    }

    /// What an import that is over must not leave in the repository.
    private func leftovers(_ session: Session) throws -> String {
        try sh(["find", ".git", "-name", "tmp_*", "-o", "-name", "*.lock", "-o", "-name", "index.coop-*"], in: session.work)
    }

    @Test func `a branch that moves between plan and transaction is planned again`() throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        var once = true
        let result = try session.finish { step in
            if step == .objectsStored, once {
                once = false
                try session.host("commit", "-q", "--allow-empty", "-m", "mine")
            }
        }
        guard case .parked = result.outcome("refs/heads/main") else {
            Issue.record("\(result)")
            return
        }
    }

    @Test func `hooks and filters planted in the private directory or the work tree never run on the host`() throws {
        let session = try Session()
        // A filter of the user's own, which a tracked .gitattributes from inside points at everything.
        try session.host("config", "filter.mine.clean", "touch \(session.temporary("ran")); cat")
        try session.host("config", "core.fsmonitor", "touch \(session.temporary("ran-fsmonitor"))")
        try session.write("hook", "#!/bin/sh\ntouch \(session.temporary("ran-hook"))\n")
        for hook in ["reference-transaction", "post-index-change", "post-update"] {
            try sh(["install", "-m", "755", session.work + "/hook", session.work + "/.git/hooks/\(hook)"], in: "/")
        }
        try session.begin()
        try session.inside("config", "core.fsmonitor", "touch \(session.temporary("ran-evil"))", allowFailure: true)
        try session.inside("config", "--unset", "core.fsmonitor", allowFailure: true)
        try session.commitInside(".gitattributes", "* filter=mine\n")
        let result = try session.finish()
        #expect(result.outcome("refs/heads/main") == .fastForwarded && result.index == .taken)
        for name in ["ran", "ran-fsmonitor", "ran-hook", "ran-evil"] {
            #expect(FileSystem.kind(session.temporary(name)) == nil, "\(name)")
        }
    }

    @Test func `configuration that gained a command refuses, everyday changes do not`() throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        try session.host("config", "branch.main.remote", "origin")
        try session.host("config", "core.fsmonitor", "/bin/evil")
        #expect(throws: CoopError.self) { try session.finish() }
        try session.host("config", "--unset", "core.fsmonitor")
        #expect(try session.finish().outcome("refs/heads/main") == .fastForwarded)
    }

    @Test func `a git directory that was exchanged is refused`() throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        try sh(["cp", "-a", session.work + "/.git", session.work + "/.git2"], in: "/")
        try sh(["mv", session.work + "/.git", session.work + "/.git3"], in: "/")
        try sh(["mv", session.work + "/.git2", session.work + "/.git"], in: "/")
        #expect(throws: CoopError.self) { try session.finish() }
    }

    @Test func `on a file system that ignores case a clashing branch is not created`() throws {
        let session = try Session()
        try session.host("branch", "Topic")
        try session.host("config", "core.ignorecase", "true")
        try session.begin()
        try session.inside("update-ref", "refs/heads/topic", try session.inside("commit-tree", "-m", "x", "HEAD^{tree}"))
        guard case .parked = try session.finish().outcome("refs/heads/topic") else {
            Issue.record("not parked")
            return
        }
    }

    @Test func `a repository in a path with spaces, quotes and bytes outside UTF-8 works`() throws {
        let session = try Session()
        let odd = session.temporary("a b:\"c\" \(String(osBytes: [0xFF, 0x0A]))ü")
        try sh(["cp", "-a", session.work, odd], in: "/")
        try session.begin(in: odd)
        try session.commitInside("a", "a")
        let result = try session.finish()
        #expect(result.isComplete && result.outcome("refs/heads/main") == .fastForwarded)
        try session.privateGit.save(to: session.temporary("record"))
        #expect(try PrivateGit.load(from: session.temporary("record")) == session.privateGit)
    }
}
