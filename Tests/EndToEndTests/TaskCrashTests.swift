import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Tasks that are made and removed by commands that are killed, or for which there is no space: all of it is there, or nothing.
@Suite struct TaskCrashTests {
    private let anyone = TestIdentity.ordinary.last ?? .root

    private enum State: Equatable { case none, whole }

    /// Whether there is a task, with tree, branch and git's record, or nothing of it; anything between is an issue.
    private func state(_ place: Sandboxed, _ remark: String) throws -> State {
        #expect(try place.coop(["task", "list"]).exitCode == 0, "\(remark)")
        #expect(try place.leftovers() == [], "\(remark)")
        let tree = try place.coop(["task", "path", "fix"])
        let branch = try place.git("for-each-ref", "refs/heads/coop/fix")
        let worktrees = try place.git("worktree", "list", "--porcelain")
        let records = (try? FileSystem.list(place(".git/worktrees"))) ?? []
        if tree.exitCode != 0 {
            #expect(branch == "" && records == [] && !worktrees.contains("prunable"), "\(remark): \(branch) \(records)")
            return .none
        }
        let path = try place.tree("fix")
        #expect(branch != "" && records.count == 1 && worktrees.contains("worktree \(path)\n"), "\(remark): \(worktrees)")
        #expect(try place.git("-C", path, "status", "--porcelain") == "", "\(remark)")
        return .whole
    }

    @Test("killed at any point while a task is made, the next command leaves all of it or nothing")
    func making() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        _ = try place.task("other", "true")
        _ = try place.coop(["task", "rm", "--force", "other"])
        var seen: [State] = []
        var point = 1
        while point < 150 {
            let outcome = try place.coop(["run", "--task", "fix", "--", "true"], environment: ["COOP_TEST_KILL_AT": String(point)])
            let state = try state(place, "killed at \(point)")
            seen.append(state)
            if outcome.signal != SIGKILL { break }
            if state == .whole { #expect(try place.coop(["task", "rm", "--force", "fix"]).exitCode == 0) }
            point += 1
        }
        #expect(point > 10 && point < 150 && seen.contains(.none) && seen.contains(.whole), "\(point)")
        #expect(try place.remains() == [])
    }

    @Test("killed at any point while a task is removed, the next command leaves all of it or nothing", arguments: TestIdentity.all)
    func removing(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        var seen: [State] = []
        var point = 1
        while point < 150 {
            _ = try place.task("fix", "test -e second || { echo two > second; git add second; git commit -qm second; }")
            let tip = try place.git("rev-parse", "coop/fix")
            let outcome = try place.coop(["task", "rm", "--force", "fix"], environment: ["COOP_TEST_KILL_AT": String(point)])
            let state = try state(place, "killed at \(point)")
            if state == .whole { #expect(try place.git("rev-parse", "coop/fix") == tip) }
            seen.append(state)
            if outcome.signal != SIGKILL { break }
            point += 1
        }
        #expect(point > 5 && point < 150 && seen.contains(.none) && seen.contains(.whole), "\(point)")
    }

    @Test("killed in the session, what was committed arrives with the next command")
    func session() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let coop = try place.start(
            ["run", "--task", "fix", "--", "sh", "-c", "echo a > a; git add a; git commit -qm inside; echo ready; exec sleep 1000"],
            input: .pipe)
        #expect(try coop.waitForOutput("ready"))
        kill(coop.pid, SIGKILL)
        _ = try coop.wait(timeout: 60)
        try Deadline.poll(seconds: 30) { try place.processes().isEmpty }
        #expect(try place.processes() == [])
        #expect(try place.task("fix", "cat a; git log --format=%s").output == "a\ninside\nfirst\n")
        #expect(try place.git("log", "--format=%s", "coop/fix") == "inside\nfirst")
        try place.expectClean()
    }

    @Test("a full disk makes no task, says so, and leaves nothing", .enabled(if: getuid() == 0))
    func full() throws {
        let place = try Sandboxed(.root)
        try place.makeRepository()
        let made = try place.outside([
            "/bin/sh", "-c", "for i in $(seq 40); do head -c 200000 /dev/urandom > big$i; done; git add .; git commit -qm big",
        ])
        #expect(made.exitCode == 0, "\(made)")
        // In a mount namespace of its own, where COOP_HOME is small.
        let outcome = try place.outside([
            "unshare", "-m", "/bin/sh", "-c",
            """
            mount -t tmpfs -o size=4m none "$COOP_HOME" && chmod 755 "$COOP_HOME"
            '\(try BuiltPrograms.coop())' run --task fix -- true; echo "code $?"
            '\(try BuiltPrograms.coop())' task list; find "$COOP_HOME/projects" "$COOP_HOME/state/tasks" -name '*fix*.new' -o -path '*/state/tasks/*'
            ls .git/worktrees; git for-each-ref --format='%(refname)'
            umount "$COOP_HOME"
            """,
        ])
        #expect(outcome.error.contains("No space left") && outcome.error.contains("df -h"), "\(outcome)")
        #expect(outcome.output.hasPrefix("code 125\n") && outcome.output.hasSuffix("\nrefs/heads/main\n"), "\(outcome)")
        #expect(!outcome.output.contains(".new") && !outcome.output.contains("state/tasks/"), "\(outcome)")
        #expect(FileSystem.kind(place(".git/worktrees")) == nil)
    }
}
