import Glibc
import LinuxKernel
import TestSupport
import Testing

/// `coop run --task` and `coop task`, through the built binary.
@Suite struct TaskTests {
    private let anyone = TestIdentity.ordinary.last ?? .root

    @Test("a task has a branch and a tree of its own, and its commits arrive in the repository", arguments: TestIdentity.all)
    func ordinary(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let before = try place.repositoryState()
        let outcome = try place.task(
            "fix",
            "pwd; echo $COOP_TASK; git branch --show-current; echo two > second; git add second; git commit -qm second; echo x > open")
        #expect(outcome.exitCode == 0, "\(outcome)")
        let tree = try place.tree("fix")
        #expect(outcome.output == "\(tree)\nfix\ncoop/fix\n" && FileSystem.lastComponent(of: tree) == "project")
        #expect(outcome.error.contains("task fix: branch coop/fix, from main"))
        #expect(try place.git("log", "--format=%s", "coop/fix") == "second\nfirst")
        #expect(try place.git("-C", tree, "status", "--porcelain") == "?? open")
        #expect(!place.exists("second"))
        #expect(try place.repositoryState(except: "refs/heads/coop/fix") == before)
        #expect(try place.git("fsck") == "" && place.git("-C", tree, "fsck") == "")
        // The next start goes on, wherever in the project the user stands.
        try place.makeDirectory("deep")
        let again = try place.coop(["run", "--task", "fix", "--", "sh", "-c", "pwd; cat second open"], directory: place("deep"))
        #expect(again.output == "\(tree)\ntwo\nx\n" && again.error == "", "\(again)")
        try place.expectClean()
    }

    @Test("of a merge that was left with conflicts coop speaks in its own words, and the commits before it arrive")
    func conflicts() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let outcome = try place.task(
            "fix",
            """
            git checkout -q -b x; echo x > f; git add f; git commit -qm x; git checkout -q coop/fix; echo y > f; git add f; git commit -qm y
            git merge x > /dev/null; exit 0
            """)
        #expect(outcome.exitCode == 0 && outcome.error.contains("conflicts") && !outcome.error.contains("unmerged"), "\(outcome)")
        #expect(!outcome.error.contains("write-tree"), "\(outcome)")
        #expect(try place.git("log", "-1", "--format=%s", "coop/fix") == "y")
    }

    @Test("list, path and rm: nothing that is not merged is lost without --force", arguments: TestIdentity.all)
    func commands(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        #expect(try place.coop(["task", "rm", "fix"]).exitCode == 1)
        _ = try place.task("fix", "echo two > second; git add second; git commit -qm second; echo x > open")
        _ = try place.task("new", "true")
        let list = try place.said(["task", "list", "--json"])
        for part in [
            "\"branch\": \"coop/fix\"", "\"ahead\": 1", "\"behind\": 0", "\"base\": \"main\"", "\"state\": \"changed\"",
            "\"path\": \"open\"",
            "\"state\": \"new\"", "\"version\": 1",
        ] { #expect(list.contains(part), "\(part) in \(list)") }
        #expect(try place.coop(["task", "path", "ne"]).output == place.tree("new") + "\n")

        let changed = try place.coop(["task", "rm", "fix"])
        #expect(changed.exitCode == 1 && changed.error.contains("open would be lost"), "\(changed)")
        _ = try place.task("fix", "rm open")
        let unmerged = try place.coop(["task", "rm", "fix"])
        #expect(unmerged.exitCode == 1 && unmerged.error.contains("1 commit would be lost"), "\(unmerged)")
        #expect(try place.git("log", "-1", "--format=%s", "coop/fix") == "second")

        let tree = try place.tree("fix")
        #expect(try place.coop(["task", "rm", "--keep-branch", "fix"]).exitCode == 0)
        #expect(try place.git("log", "-1", "--format=%s", "coop/fix") == "second" && FileSystem.kind(tree) == nil)
        // The branch is gone on with, unless another beginning is asked for.
        #expect(try place.coop(["run", "--task", "fix", "--base", "main", "--", "true"]).exitCode != 0)
        let again = try place.task("fix", "cat second")
        #expect(again.output == "two\n" && again.error.contains("goes on with the branch coop/fix"), "\(again)")
        #expect(try place.git("merge", "-q", "coop/fix") == "")
        #expect(try place.said(["task", "list"]).contains("merged"))
        #expect(try place.coop(["task", "rm", "fix"]).exitCode == 0)
        #expect(try place.coop(["task", "rm", "--force", "new"]).exitCode == 0)
        #expect(try place.git("for-each-ref", "--format=%(refname)") == "refs/heads/main")
        #expect(try place.git("worktree", "list", "--porcelain").split(separator: "\n").filter { $0.hasPrefix("worktree") }.count == 1)
        #expect(try place.leftovers() == [])
    }

    @Test("commits arrive while the session goes on; amended and undone ones too, and only one session works in a task")
    func live() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let coop = try place.start(
            [
                "run", "--task", "fix", "--", "sh", "-c",
                """
                step() { read x; }
                step; echo a > a; git add a; git commit -qm one; echo done1; step; git commit -q --amend -m other; echo done2
                step; git reset -q --hard HEAD~1; echo done3; step; touch b; git add b; git commit -qm last; git gc -q; echo done4; step
                """,
            ], input: .pipe)
        try Deadline.poll(seconds: 60) { try place.said(["task", "list"]).contains("running") }
        for (index, subject) in ["one", "other", "first", "last"].enumerated() {
            try coop.send("\n")
            #expect(try coop.waitForOutput("done\(index + 1)"))
            try Deadline.poll(seconds: 60) { try place.git("log", "-1", "--format=%s", "coop/fix") == subject }
            #expect(try place.git("log", "-1", "--format=%s", "coop/fix") == subject)
            try Deadline.poll(seconds: 60) { try place.git("-C", try place.tree("fix"), "status", "--porcelain") == "" }
            #expect(try place.git("-C", try place.tree("fix"), "status", "--porcelain") == "", "after \(subject)")
        }
        let second = try place.task("fix", "true")
        #expect(second.exitCode == 125 && second.error.contains("coop attach") && second.error.contains("coop exec"), "\(second)")
        #expect(try place.coop(["task", "rm", "--force", "fix"]).exitCode == 4)
        try coop.send("\n")
        #expect(try coop.wait(timeout: 60).exitCode == 0)
        #expect(try place.git("log", "--format=%s", "coop/fix") == "last\nfirst")
        #expect(try place.git("reflog", "--format=%gs", "coop/fix").contains("coop: import of session"))
        try place.expectClean()
    }

    @Test("history from before the session is rewritten on the task's branch, and kept beside it")
    func rewritten() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        _ = try place.task("fix", "for i in 1 2 3; do echo $i > $i; git add $i; git commit -qm $i; done")
        let old = try place.git("rev-parse", "coop/fix")
        let outcome = try place.task("fix", "GIT_SEQUENCE_EDITOR='sed -i 2d' git rebase -q -i HEAD~3; git log --format=%s")
        #expect(outcome.output == "3\n1\nfirst\n", "\(outcome)")
        #expect(try place.git("log", "--format=%s", "coop/fix") == "3\n1\nfirst")
        #expect(try place.git("for-each-ref", "--format=%(objectname)", "refs/coop") == old)
        #expect(try place.git("-C", place.tree("fix"), "status", "--porcelain") == "")
    }

    @Test("what the user commits in the tree meanwhile is never overwritten")
    func both() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let coop = try place.start(
            ["run", "--task", "fix", "--", "sh", "-c", "echo ready; read x; echo a > a; git add a; git commit -qm inside"], input: .pipe)
        #expect(try coop.waitForOutput("ready"))
        let tree = try place.tree("fix")
        _ = try place.git("-C", tree, "commit", "-q", "--allow-empty", "-m", "outside")
        try coop.send("\n")
        let outcome = try coop.wait(timeout: 60)
        #expect(outcome.error.contains("moved on the host meanwhile"), "\(outcome)")
        #expect(try place.git("log", "--format=%s", "coop/fix") == "outside\nfirst")
        #expect(try place.git("log", "--all", "--format=%s").contains("inside"))
    }

    @Test("the base: a branch, a commit, a detached HEAD; none without commits, and `main` means nothing")
    func base() throws {
        let place = try Sandboxed(anyone)
        #expect(try place.task("fix", "true").error.contains("not in a git repository"))
        _ = try place.git("init", "-q", "-b", "trunk")
        let unborn = try place.task("fix", "true")
        #expect(unborn.exitCode == 125 && unborn.error.contains("cannot make a task from trunk: it has no commits yet"), "\(unborn)")
        #expect(FileSystem.kind(place(".git/worktrees")) == nil)
        _ = try place.git("config", "user.name", "n")
        _ = try place.git("config", "user.email", "e@example.com")
        for name in ["one", "two"] {
            try place.write(name, name)
            _ = try place.git("add", name)
            _ = try place.git("commit", "-qm", name)
        }
        _ = try place.git("branch", "side", "HEAD~1")
        #expect(try place.coop(["run", "--task", "a", "--base", "side", "--", "ls"]).output == "one\n")
        #expect(try place.coop(["run", "--task", "b", "--base", "trunk~1", "--", "ls"]).output == "one\n")
        let missing = try place.coop(["run", "--task", "c", "--base", "sid", "--", "ls"])
        #expect(missing.exitCode == 125 && missing.error.contains("did you mean `side`?"), "\(missing)")
        _ = try place.git("checkout", "-q", "--detach", "HEAD~1")
        #expect(try place.task("d", "ls; git branch --show-current").output == "one\ncoop/d\n")
        #expect(try place.coop(["run", "--task", "a", "--base", "trunk", "--", "ls"]).error.contains("it exists, and was made from side"))
        for name in ["../x", "-x", ".x", "a/b", "x.lock", ""] {
            #expect(try place.coop(["run", "--task=\(name)", "--", "true"]).exitCode == 125, "\(name)")
        }
        #expect(try place.leftovers() == [])
        let other = try Sandboxed(anyone)
        try other.makeRepository()
        _ = try other.git("branch", "coop")
        #expect(try other.task("e", "true").error.contains("leaves no room for coop/e"))
        #expect(try other.leftovers() == [])
    }

    @Test("its configuration and its trust are those of the directory the user is in")
    func configuration() throws {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", "name = \"p\"\n[sandbox]\nenv = { FROM = \"user\" }\nexcludes = [\"private\"]\n")
        try place.write("private/secret", "x")
        try place.makeRepository()
        _ = try place.git("add", ".")
        _ = try place.git("commit", "-qm", "all")
        let outcome = try place.task("fix", "echo $FROM; ls private; rm -f coop.toml; mv coop.toml other; git log -1 --format=%s")
        #expect(outcome.output == "user\nall\n", "\(outcome)")
        // Changed in the task's tree from outside, it says nothing either.
        let tree = try place.tree("fix")
        _ = try place.outside(["/bin/sh", "-c", "printf 'name = \"p\"\\n[sandbox]\\nenv = { FROM = \"task\" }\\n' > '\(tree)/coop.toml'"])
        #expect(try place.task("fix", "echo $FROM").output == "user\n")
        #expect(try place.coop(["run", "--task", "x", "--workspace", "none", "--", "true"]).error.contains("cannot use both"))
        #expect(try place.coop(["run", "--base", "main", "--", "true"]).exitCode == 125)
        try place.write("coop.toml", "name = \"p\"\n[sandbox]\nworkspace = \"worktree\"\n")
        let unnamed = try place.run(["true"])
        #expect(unnamed.exitCode == 125 && unnamed.error.contains("coop run --task NAME"), "\(unnamed)")
        #expect(try place.run(["pwd"], options: ["--name", "named"]).output == place.tree("named") + "\n")
        #expect(try place.coop(["explain", "--task", "fix", "--", "true"]).output.contains("task       fix, branch coop/fix"))
        let inTree = try place.coop(["run", "--", "true"], directory: tree)
        #expect(inTree.exitCode == 126 && inTree.error.contains("the tree of the task fix"), "\(inTree)")
        let ports = try ["fix", "named"].map { try place.coop(["run", "--task", $0, "--", "sh", "-c", "echo $COOP_PORT_OFFSET"]).output }
        #expect(ports[0] != ports[1] && !ports[0].isEmpty, "\(ports)")
        #expect(try place.coop(["project", "rm", "--yes", "p"]).error.contains("task"))
    }
}
