import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Commits are taken over with git in a sandbox, which reads what the session has written: a pipe, say, in the place of a file.
@Suite struct HangingImportTests {
    /// Commits, and then puts a pipe into git's way; the last line is news for the import beside the session.
    private static let work = """
        git commit -q --allow-empty -m inside
        d=$(git rev-parse --absolute-git-dir); mkfifo "$d/pipe"; git config include.path "$d/pipe"; : >> "$d/logs/HEAD"; echo ready; read x

        """

    private func begin(_ place: Sandboxed, _ end: String) throws -> ChildProcess {
        try place.makeRepository()
        let run = try place.start(
            ["run", "--network", "none", "--task", "fix", "--", "sh", "-ec", HangingImportTests.work + end], input: .pipe)
        #expect(try run.waitForOutput("ready"))
        #expect(try Deadline.poll(seconds: 60) { try place.processes().contains { $0.contains("for-each-ref") } })
        return run
    }

    /// The cgroups of all processes of this place (cgroups(7), `/proc/pid/cgroup`).
    private func cgroups(_ place: Sandboxed) throws -> Set<String> {
        var result: Set<String> = []
        for process in try place.processes() {
            let number = process.split(separator: " ")[1].dropLast()
            // One that is gone by now has none.
            let text = String(osBytes: (try? FileSystem.read("/proc/\(number)/cgroup")) ?? [])
            for line in text.split(separator: "\n") where line.contains("/coop-") {
                let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
                result.insert("/sys/fs/cgroup/\(parts[1])\(parts[2])")
            }
        }
        return result
    }

    @Test("an import that hangs ends with its session, and the session's own takes the commits over", arguments: TestIdentity.all)
    func live(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        // Git that has begun to open the pipe goes on waiting for it.
        let run = try begin(place, #"rm "$d/pipe"; : > "$d/pipe""#)
        let cgroups = try cgroups(place)
        #expect(cgroups.count > 1 || identity != .root)
        try run.send("go\n")
        let outcome = try run.wait(timeout: 180)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.git("log", "-1", "--format=%s", "coop/fix") == "inside")
        try place.expectClean()
        #expect(cgroups.filter { FileSystem.kind($0) != nil } == [])
    }

    @Test(
        "one at the end does not take the session's cgroups off its record: killed meanwhile, all of them go", .enabled(if: getuid() == 0))
    func record() throws {
        let place = try Sandboxed(.root)
        func importing() throws -> [String] {
            try place.sandboxIDs().map { id in
                String(osBytes: (try? FileSystem.read("\(place.coopHome)/run/\(id)/import-cgroups")) ?? [])
            }
        }
        let run = try begin(place, "")
        let own = try place.cgroups()
        let beside = try importing()
        #expect(!own.isEmpty && beside.count == 1)
        try run.send("go\n")
        // Only who waits for it hands over what was sent.
        let isAtEnd = try run.waitUntil(timeout: 60) { _ in
            ((try? importing()) ?? beside) != beside && ((try? place.processes()) ?? []).contains { $0.contains("for-each-ref") }
        }
        #expect(isAtEnd)
        #expect(try place.cgroups() == own)
        let all = try cgroups(place).union(own)
        kill(run.pid, SIGKILL)
        _ = try run.wait()
        #expect(try Deadline.poll(seconds: 60) { try place.processes().isEmpty })
        #expect(try place.hostShell("rm \"$COOP_HOME\"/run/*/git/pipe").exitCode == 0)
        let next = try place.coop(["ps"])
        #expect(next.exitCode == 0, "\(next)")
        try place.expectClean()
        #expect(all.filter { FileSystem.kind($0) != nil } == [])
    }

    @Test("one that hangs while it packs holds up no other session", arguments: TestIdentity.ordinary)
    func others(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let run = try place.start(
            [
                "run", "--network", "none", "--task", "one", "--", "sh", "-ec",
                """
                echo 1 > one; git add one; d=$(git rev-parse --absolute-git-dir); t=$(git write-tree); o="$d/objects/$(echo $t | cut -c1-2)/$(echo $t | cut -c3-)"
                git commit -qm inside; mv "$o" "$o.x"; mkfifo "$o"; : >> "$d/logs/HEAD"; echo ready; read x; rm "$o"; mv "$o.x" "$o"
                """,
            ], input: .pipe)
        #expect(try run.waitForOutput("ready"))
        #expect(try Deadline.poll(seconds: 60) { try place.processes().contains { $0.contains("pack-objects") } })
        let other = try place.task("two", "git commit -q --allow-empty -m other", options: ["--network", "none"])
        #expect(other.exitCode == 0, "\(other)")
        #expect(try place.git("log", "-1", "--format=%s", "coop/two") == "other")
        #expect(try place.coop(["ps"]).output.contains("one"))
        try run.send("go\n")
        let outcome = try run.wait(timeout: 180)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.git("log", "-1", "--format=%s", "coop/one") == "inside")
        try place.expectClean()
    }

    @Test("a pipe in the place of what git on the host reads keeps no command for ever", arguments: TestIdentity.ordinary)
    func pipes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for (number, names) in [["HEAD"], ["config"], ["packed-refs", "shallow"], ["objects/info/alternates"]].enumerated() {
            let pipes = names.map { "mkfifo .git/\($0)" }.joined(separator: "; ")
            let head = names.contains("HEAD") ? "" : "; echo ref: refs/heads/x > .git/HEAD"
            let made = try place.shell(
                "mkdir -p .git/objects/info .git/refs\(head); \(pipes); echo made", options: ["--network", "none"])
            #expect(made.output == "made\n", "\(number): \(made)")
            for command in [["task", "list"], ["config", "list"], ["run", "--network", "none", "--", "true"], ["ps"], ["explain"]] {
                let outcome = try place.coop(command)
                #expect(outcome.signal == 0, "\(number) \(command): \(outcome)")
            }
            try place.sh("rm -rf .git")
        }
        try place.makeRepository()
        let task = try place.task("fix", "mkfifo .gitattributes", options: ["--network", "none"])
        #expect(task.exitCode == 0, "\(task)")
        let list = try place.coop(["task", "list", "--json"])
        #expect(list.exitCode == 0 && list.output.contains("damaged") && list.output.contains("git status"), "\(list)")
        try FileSystem.removeFile(FileSystem.join(try place.tree("fix"), ".gitattributes"))
        #expect(try place.coop(["task", "list"]).output.contains("damaged") == false)
    }

    @Test(
        "one that hangs for good is given up, and what was committed is kept; so does a later one, and killed it leaves nothing",
        arguments: TestIdentity.all)
    func final(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let run = try begin(place, "")
        try run.send("go\n")
        let outcome = try run.wait(timeout: 300)
        #expect(outcome.exitCode == 0 && outcome.error.contains("did not end within 60 seconds"), "\(outcome)")
        #expect(try place.git("log", "-1", "--format=%s", "coop/fix") == "first")
        let kept = try place.coop(["commits", "list"])
        #expect(kept.exitCode == 0 && kept.output.contains("did not end within 60 seconds"), "\(kept)")
        try place.expectClean()

        let again = try place.start(["commits", "import"])
        #expect(try Deadline.poll(seconds: 60) { try place.processes().contains { $0.contains("for-each-ref") } })
        let cgroups = try cgroups(place)
        #expect(!cgroups.isEmpty || identity != .root)
        kill(again.pid, SIGKILL)
        _ = try again.wait()
        #expect(try Deadline.poll(seconds: 60) { try place.processes().isEmpty })
        #expect(try place.coop(["ps"]).exitCode == 0)
        try place.expectClean()
        #expect(cgroups.filter { FileSystem.kind($0) != nil } == [])
    }
}
