import Glibc
import LinuxKernel
import TestSupport
import Testing

/// `coop task rm`: what it takes for merged, and tasks that are damaged.
@Suite struct TaskRemovalTests {
    private let anyone = TestIdentity.ordinary.last ?? .root

    private func place() throws -> Sandboxed {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let worked = try place.task("fix", "for i in 1 2; do echo $i > $i; git add $i; git commit -qm $i; done")
        #expect(worked.exitCode == 0, "\(worked)")
        try place.sh("echo mine > mine; git add mine; git commit -qm mine")
        return place
    }

    @Test(
        "what the user has brought over by git's own means is merged, whichever they are",
        arguments: [
            "git merge -q --no-edit coop/fix", "git merge -q --squash coop/fix; git commit -qm squashed",
            "git cherry-pick coop/fix~2..coop/fix", "git checkout -q --detach coop/fix; git rebase -q main; git checkout -q -B main",
            "git branch kept coop/fix", "git tag kept coop/fix",
            "git diff main...coop/fix | git apply --index; git commit -qm applied; git commit -q --allow-empty -m more",
        ])
    func byHand(_ way: String) throws {
        let place = try place()
        #expect(try place.coop(["task", "rm", "fix"]).exitCode == 1)
        try place.sh(way)
        let removed = try place.coop(["task", "rm", "fix"])
        #expect(removed.exitCode == 0, "\(removed)")
    }

    @Test(
        "what only looks like it is not",
        arguments: [
            "git cherry-pick coop/fix~1", "git checkout -q coop/fix -- 1; git commit -qm half", "git merge -q -s ours --no-edit side",
            "git commit -q --allow-empty -m nothing",
        ])
    func notMerged(_ way: String) throws {
        let place = try place()
        try place.sh("git branch side HEAD~1; \(way)")
        let refused = try place.coop(["task", "rm", "fix"])
        #expect(refused.exitCode == 1 && refused.error.contains("would be lost"), "\(refused)")
        // What was undone again is work as well.
        _ = try place.task("undone", "echo x > x; git add x; git commit -qm x; git revert --no-edit HEAD")
        let undone = try place.coop(["task", "rm", "undone"])
        #expect(undone.exitCode == 1 && undone.error.contains("2 commits would be lost"), "\(undone)")
    }

    @Test(
        "a task whose record is damaged or gone is listed, named with what helps, and in nobody's way",
        arguments: ["echo rubbish >", ": >", "rm"])
    func damaged(_ damage: String) throws {
        let place = try place()
        _ = try place.task("other", "true")
        let directory = FileSystem.parent(of: try place.tree("fix"))
        try place.sh("\(damage) '\(directory)/task'")
        let list = try place.coop(["task", "list"])
        #expect(
            list.exitCode == 0 && list.output.contains("other") && list.output.contains("damaged")
                && list.error.contains("coop task rm --force fix"), "\(list)")
        #expect(
            try place.said(["task", "list", "--json"]).filter { !$0.isWhitespace }.contains(
                "\"name\":\"fix\",\"path\":\"\(directory)\",\"state\":\"damaged\""))
        for words in [["run", "--task", "fix", "--", "true"], ["task", "merge", "fix"], ["task", "path", "fix"], ["task", "rm", "fix"]] {
            let outcome = try place.coop(words)
            #expect(outcome.exitCode != 0 && outcome.error.contains("coop task rm --force fix"), "\(words) \(outcome)")
        }
        #expect(try place.coop(["task", "divergence"]).exitCode == 0 && place.task("other", "true").exitCode == 0)
        #expect(try place.coop(["project", "rm", "--yes", place.project]).error.contains("2 tasks"))
        let removed = try place.coop(["task", "rm", "--force", "fix"])
        #expect(removed.exitCode == 0 && removed.output.contains("coop/fix stays"), "\(removed)")
        #expect(FileSystem.kind(directory) == nil)
        #expect(try place.git("worktree", "list").split(separator: "\n").count == 2)
        // Nothing that was committed is lost.
        #expect(try place.task("fix", "git log --format=%s").output == "2\n1\nfirst\n")
        #expect(try place.leftovers() == [])
    }

    @Test("a lock that cannot be read is not a task without a session", .enabled(if: getuid() == 0))
    func unreadable() throws {
        let place = try place()
        let store = FileSystem.parent(of: FileSystem.parent(of: try place.tree("fix")))
        try place.sh("chmod 0 '\(store)/.fix.session'")
        let list = try place.coop(["task", "list", "--json"])
        #expect(list.exitCode == 0 && list.output.contains("cannot tell whether a session works"), "\(list)")
        #expect(try place.coop(["task", "merge", "fix", "--yes"]).error.contains("cannot tell whether a session works"))
        #expect(try place.coop(["task", "rm", "--force", "fix"]).exitCode == 1)
    }

    @Test(
        "on a full disk a task is removed, or stays as a whole until there is room", .enabled(if: getuid() == 0),
        arguments: TestIdentity.all)
    func full(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let script = """
            set -e; umask 077; export COOP_HOME="$1/c" HOME="$1"; mkdir "$1/p"; cd "$1/p"
            git init -q -b trunk . && git config user.name A && git config user.email a@example.org && git config gc.auto 0
            echo 1 > a; git add .; git commit -qm first
            "$2" run --network none --task fix -- sh -ec 'echo 2 > a; git commit -qam two'; git merge -q coop/fix
            room=0; refused=0
            while :; do
              # It frees some of its own before it needs any, unless there are none: those of its view of the repository, which is made again.
              "$2" task list > /dev/null; rm -rf "$COOP_HOME"/state/git/view-*; mkdir fill; i=0; while { true > fill/$i; } 2> /dev/null; do i=$((i + 1)); done; j=0; while [ $j -lt $room ]; do rm fill/$j; j=$((j + 1)); done
              if "$2" task rm fix > /dev/null 2> /dev/shm/$3; then rm -r fill; break; fi
              grep -q '^Next: ' /dev/shm/$3 || { cat /dev/shm/$3; exit 7; }
              refused=$((refused + 1)); rm -r fill
              # All of it, or all of it gone.
              if "$2" task list | grep -q '^fix '; then
                git -C "$("$2" task path fix)" status --porcelain; git rev-parse -q --verify coop/fix > /dev/null
              else break; fi
              room=$((room + 1)); [ $room -lt 400 ]
            done
            rm -f /dev/shm/$3; "$2" task list > /dev/null; git for-each-ref --format='%(refname)'; ls .git/worktrees 2> /dev/null || true
            find "$COOP_HOME/state/tasks" -type f; find "$COOP_HOME/projects" -mindepth 3 -maxdepth 3 -name '.fix.*' -type d; echo "$refused"
            """
        let outcome = try ChildProcess(
            [
                "/usr/bin/unshare", "-m", "/bin/sh", "-ec",
                "mkdir -p \"$1\"; mount -t tmpfs -o size=24m,nr_inodes=900,mode=700,uid=\(identity.user),gid=\(identity.group) none \"$1\"; shift; exec \"$@\"",
                "sh", place.root + "/disk",
            ]
                + identity.arguments([
                    "/bin/sh", "-c", script, "sh", place.root + "/disk", try BuiltPrograms.coop(), FileSystem.lastComponent(of: place.root),
                ]),
            environment: place.environment, directory: "/"
        ).wait(timeout: 600)
        let lines = outcome.output.split(separator: "\n")
        #expect(outcome.exitCode == 0 && lines.first == "refs/heads/trunk" && lines.count == 2, "\(outcome)")
        #expect(lines.last.flatMap { Int($0) }.map { $0 > 0 } == true, "\(outcome)")
    }
}
