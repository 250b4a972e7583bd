import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Tasks of repositories of every kind: what `git worktree add` makes of them, a task makes too, and git works in it.
@Suite struct TaskRepositoryTests {
    private let anyone = TestIdentity.ordinary.last ?? .root

    /// Runs lines of sh(1) on the host, in the project.
    @discardableResult
    private func host(_ place: Sandboxed, _ script: String) throws -> String {
        let outcome = try place.outside(["/bin/sh", "-ec", script])
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        return outcome.output
    }

    /// That a task's tree is as git's own would be: the same files, and nothing that differs.
    private func compare(_ place: Sandboxed, _ task: String, directory: String? = nil) throws {
        let repository = directory ?? place.project
        try host(place, "cd '\(repository)'; git worktree add -q --detach \"$HOME/plain\" coop/\(task)")
        let tree = try place.coop(["task", "path", task], directory: repository).output.dropLast()
        let list = """
            find . -name .git -prune -o -printf '%P %y %m %l\\n' | sort
            find . -name .git -prune -o -type f -print0 | sort -z | xargs -0 cat
            """
        #expect(try host(place, "cd '\(tree)'; \(list)") == host(place, "cd \"$HOME/plain\"; \(list)"))
        #expect(
            try host(place, "cd '\(tree)'; git status --porcelain; git ls-files -v") == host(place, "cd \"$HOME/plain\"; git ls-files -v"))
        try host(place, "cd '\(repository)'; git worktree remove --force \"$HOME/plain\"")
    }

    @Test("a submodule stays unpopulated and does not get in git's way")
    func submodule() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try host(
            place,
            """
            git init -q "$HOME/sub"; git -C "$HOME/sub" -c user.name=n -c user.email=e commit -q --allow-empty -m s
            git -c protocol.file.allow=always submodule --quiet add "$HOME/sub" lib; git commit -qm lib
            """)
        let outcome = try place.task(
            "fix", "git status --porcelain; git submodule status | cut -c1; ls lib; touch a; git add a; git commit -qm a")
        #expect(outcome.exitCode == 0 && outcome.output == "-\n", "\(outcome)")
        #expect(try place.git("log", "-1", "--format=%s", "coop/fix") == "a")
        try compare(place, "fix")
    }

    @Test("of a sparse checkout the task has the same part", arguments: [false, true])
    func sparse(_ ownConfiguration: Bool) throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try host(
            place,
            """
            mkdir -p in/deep out; touch in/a in/deep/b out/c; git add .; git commit -qm files
            \(ownConfiguration ? "" : "git config extensions.worktreeConfig false;") git sparse-checkout set in
            """)
        if !ownConfiguration {
            try host(place, "git config core.sparseCheckout true; git config core.sparseCheckoutCone true; rm -f .git/config.worktree")
        }
        let outcome = try place.task(
            "fix", "ls; git status --porcelain; echo x > in/new; git add in; git commit -qm new; git sparse-checkout list")
        #expect(outcome.output == "first\nin\nin\n", "\(outcome)")
        #expect(try place.git("log", "-1", "--format=%s", "coop/fix") == "new")
        #expect(try place.git("ls-tree", "--name-only", "coop/fix") == "first\nin\nout")
        #expect(try place.git("-C", place.tree("fix"), "status", "--porcelain") == "")
        try compare(place, "fix")
    }

    @Test("line ends, links, modes and names of any bytes are as git makes them")
    func files() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try host(
            place,
            """
            printf '*.crlf text eol=crlf\\n*.lf text eol=lf\\n*.id ident\\n*.utf16 working-tree-encoding=UTF-16LE eol=lf\\n' > .gitattributes
            printf 'a\\nb\\n' > x.crlf; printf 'a\\nb\\n' > x.lf; printf '$Id$\\n' > x.id; printf 'a\\n' | iconv -t UTF-16LE > x.utf16
            printf 'a\\nb\\n' > x.auto; ln -s x.lf link; touch run; chmod +x run; mkdir 'a b'; touch "a b/$(printf 'n\\nl')" "$(printf 'h\\366h')"
            git add .; git commit -qm files; git config core.autocrlf true
            """)
        #expect(try place.task("fix", "git status --porcelain").output == "")
        try compare(place, "fix")
    }

    @Test("SHA-256, alternates, a separate git directory, packed references")
    func storage() throws {
        let place = try Sandboxed(anyone)
        try host(
            place,
            """
            git init -q --object-format=sha256 -b main --separate-git-dir "$HOME/sha.git" . ; git config user.name n; git config user.email e
            echo a > a; git add a; git commit -qm a; git pack-refs --all; git gc -q
            """)
        #expect(try place.task("fix", "echo b > b; git add b; git commit -qm b").exitCode == 0)
        #expect(try place.git("log", "--format=%s", "coop/fix") == "b\na" && place.git("fsck") == "")
        try compare(place, "fix")

        let shared = try Sandboxed(anyone)
        try shared.makeRepository()
        try host(shared, "git clone -q --shared . \"$HOME/clone\"; cd \"$HOME/clone\"; git config user.name n; git config user.email e")
        let clone = shared.home + "/clone"
        let outcome = try shared.coop(
            ["run", "--task", "fix", "--", "sh", "-c", "echo b > b; git add b; git commit -qm b"], directory: clone)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try shared.git("-C", clone, "log", "--format=%s", "coop/fix") == "b\nfirst")
        try compare(shared, "fix", directory: clone)
    }

    @Test("from a linked worktree, of a bare repository too, and from a project below the top level")
    func places() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try host(
            place,
            """
            mkdir -p part/deep; echo x > part/deep/file; printf 'name = "part"\\n' > part/coop.toml; git add .; git commit -qm part
            git clone -q --bare . "$HOME/bare.git"; git -C "$HOME/bare.git" worktree add -q "$HOME/main-tree" main
            git worktree add -q -b side "$HOME/linked"; git -C "$HOME/linked" -c user.name=n -c user.email=e commit -q --allow-empty -m side
            """)
        for (directory, base) in [(place.home + "/main-tree", "main"), (place.home + "/linked", "side")] {
            let script = "git config user.name n; git config user.email e; git commit -q --allow-empty -m new; git log -2 --format=%s"
            let outcome = try place.coop(["run", "--task", "fix-\(base)", "--", "sh", "-c", script], directory: directory)
            #expect(outcome.output == (base == "side" ? "new\nside\n" : "new\npart\n"), "\(outcome)")
            #expect(outcome.error.contains("from \(base)"), "\(outcome)")
            #expect(try place.git("-C", directory, "log", "-1", "--format=%s", "coop/fix-\(base)") == "new")
            #expect(try place.coop(["task", "rm", "--force", "fix"], directory: directory).exitCode == 0)
        }
        let below = try place.coop(
            ["run", "--task", "fix", "--", "sh", "-c", "pwd; cat file; git status --porcelain"], directory: place("part/deep"))
        #expect(below.output.hasSuffix("/fix/project/part/deep\nx\n"), "\(below)")
    }

    @Test("git works completely inside: stash, bisect, rebase, gc, worktrees of its own; the user's worktrees stay")
    func work() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try host(place, "git worktree add -q -b users \"$HOME/linked\"; git worktree add -q --detach \"$HOME/gone\"; rm -r \"$HOME/gone\"")
        let outcome = try place.task(
            "fix",
            """
            set -e
            for i in 1 2 3 4 5 6; do echo $i > n; git add n; git commit -qm $i; done
            git bisect start HEAD HEAD~5 >/dev/null; git bisect run sh -c 'test $(cat n) -lt 4' >/dev/null
            git log -1 --format=%s refs/bisect/bad; git bisect reset 2>/dev/null
            echo dirty > n; git stash -q; git stash pop -q; git checkout -q n
            git checkout -q -b topic HEAD~2; echo t > t; git add t; git commit -qm t; git rebase -q coop/fix
            git checkout -q coop/fix; git merge -q topic
            git cherry-pick HEAD >/dev/null 2>&1 || git cherry-pick --skip; git revert -n HEAD; git commit -qm revert
            git tag inside; git gc -q --prune=now; git worktree prune
            git worktree add -q /tmp/w; git worktree list | wc -l; git worktree remove /tmp/w
            git fsck 2>&1; git status --porcelain
            """)
        #expect(outcome.exitCode == 0 && outcome.output.contains("4\n2\n"), "\(outcome)")
        #expect(try place.git("log", "-3", "--format=%s", "coop/fix") == "revert\nt\n6")
        #expect(try place.git("fsck", "--no-dangling") == "")
        let worktrees = try place.git("worktree", "list", "--porcelain")
        #expect(worktrees.contains("\(place.home)/linked\n") && worktrees.contains("prunable"))
        #expect(try place.git("-C", place.tree("fix"), "status", "--porcelain") == "")
    }

    @Test("ten tasks at once on one repository, each making commits", arguments: TestIdentity.all)
    func ten(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let before = try place.repositoryState()
        let runs = try (0..<10).map { number in
            try place.start(
                [
                    "run", "--task", "t\(number)", "--", "sh", "-ec",
                    """
                    for i in 1 2 3 4 5; do echo $i > f\(number); git add .; git commit -qm "t\(number) $i"; done
                    git gc -q; sleep 1.2; echo z > z; git add z; git commit -qm z
                    """,
                ])
        }
        for (number, run) in runs.enumerated() {
            let outcome = try run.wait(timeout: 180)
            #expect(outcome.exitCode == 0 && !outcome.error.contains("index stays"), "\(number): \(outcome)")
        }
        for number in 0..<10 {
            #expect(try place.git("log", "-2", "--format=%s", "coop/t\(number)") == "z\nt\(number) 5")
            let tree = try place.tree("t\(number)")
            #expect(try place.git("-C", tree, "status", "--porcelain") == "" && place.git("-C", tree, "fsck", "--no-dangling") == "")
        }
        #expect(try place.repositoryState(except: "refs/heads/coop/t[0-9]") == before)
        #expect(try place.git("fsck", "--no-dangling") == "")
        try place.expectClean()
    }

    /// As many operations as `COOP_TEST_TASK_OPERATIONS` says; few where it says nothing.
    @Test("random work in a task ends as in a plain clone", arguments: [1, 2, 3] as [UInt64])
    func random(_ seed: UInt64) throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try host(place, "for i in 1 2 3 4; do echo $i > f$i; git add .; git commit -qm base$i; done")
        let rounds = getenv("COOP_TEST_TASK_OPERATIONS").flatMap { Int(String(cString: $0)) } ?? 60
        var random = SeededGenerator(seed)
        var lines = ["export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' GIT_EDITOR=true", "set +e"]
        for number in 0..<rounds {
            let file = "f\(random.next() % 6)"
            switch random.next() % 17 {
            case 0...3: lines.append("echo \(number) >> \(file); git add -A; git commit -qm c\(number)")
            case 4: lines.append("git commit -q --amend -m a\(number)")
            case 5: lines.append("git reset -q --hard HEAD~1")
            case 6: lines.append("echo dirty\(number) > \(file); git stash -q; git stash drop -q")
            case 7:
                lines.append("git checkout -q -B side HEAD~1; echo s\(number) > s; git add s; git commit -qm s\(number)")
                lines.append("git checkout -q coop/fix; git merge -q -m m\(number) side || git merge --abort")
            case 8: lines.append("git rebase -q --onto HEAD~2 HEAD~1 || git rebase --abort")
            case 9: lines.append("git mv \(file) g\(number); git commit -qm mv\(number)")
            case 10: lines.append("git rm -q \(file); git commit -qm rm\(number)")
            case 11: lines.append("mkdir -p d\(number % 3); echo \(number) > d\(number % 3)/\(file); git add -A; git commit -qm d\(number)")
            case 12: lines.append("git revert --no-edit HEAD || git revert --abort")
            case 13: lines.append("git cherry-pick HEAD~1 || git cherry-pick --abort")
            case 14: lines.append("git gc -q")
            case 15: lines.append("chmod +x \(file); git add -A; git commit -qm x\(number)")
            default: lines.append("git tag -f t\(number % 3); git branch -f b\(number % 2)")
            }
        }
        lines.append("echo RESULT; git status --porcelain; git log --format='%H %s'; git write-tree")
        let script = lines.map { "{ \($0); } 2>/dev/null" }.joined(separator: "\n")
        // Before any of it happened.
        try host(
            place,
            """
            git clone -q . "$HOME/oracle"; cd "$HOME/oracle"; git checkout -q -b coop/fix
            git config user.name Tester; git config user.email tester@example.com
            """)
        let oracle = try host(place, "cd \"$HOME/oracle\"; set +e; \(script)")
        let before = try place.repositoryState()
        // In two sessions: what the first one did is where the second begins.
        let half = lines.count / 2
        func part(_ range: Range<Int>) -> String { ([lines[0]] + lines[range]).map { "{ \($0); } 2>/dev/null" }.joined(separator: "\n") }
        _ = try place.task("fix", part(1..<half))
        let outcome = try place.task("fix", part(half..<lines.count))
        func result(_ output: String) -> [Substring] { Array(output.split(separator: "\n").drop { $0 != "RESULT" }) }
        #expect(result(outcome.output) == result(oracle) && result(oracle).count > 3, "\(outcome)\n--- oracle\n\(oracle)")
        let tree = try place.tree("fix")
        #expect(try place.git("rev-parse", "coop/fix") == place.git("-C", place.home + "/oracle", "rev-parse", "coop/fix"))
        #expect(try place.git("-C", tree, "status", "--porcelain") == place.git("-C", place.home + "/oracle", "status", "--porcelain"))
        #expect(try place.repositoryState(except: "refs/heads/coop/fix", "refs/coop/[a-z0-9]*/.*") == before)
        #expect(try place.git("fsck", "--no-dangling") == "" && place.leftovers() == [])
    }
}
