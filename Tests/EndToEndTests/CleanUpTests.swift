import CLinux
import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Nothing outlives a sandbox: no process or mount after a moment, and nothing at all after the next command.
@Suite struct CleanUpTests {
    enum Ending: String, CaseIterable, Sendable {
        case exit, failure, timeout, interrupt, hangUp, killCLI, killWarden, killBoth, killKept, killKeptAndWarden, stopKept
    }

    /// Commits something, leaves processes that resist, and waits.
    private static let work = """
        echo text > new; git add new; git commit -qm inside || echo no commit
        (trap '' TERM HUP INT; setsid sleep 1000 & sleep 1000) &
        sh -c 'setsid sh -c "setsid sleep 1000 & setsid sleep 1000 &"' &
        echo data > /tmp/file; mkfifo /tmp/fifo; echo kept > "$HOME/kept"
        echo ready
        """

    @Test("nothing is left, whatever ends it, and commits arrive", arguments: TestIdentity.all, Ending.allCases)
    func everyEnding(_ identity: TestIdentity, _ ending: Ending) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let tail: String
        switch ending {
        case .exit: tail = "read x; exit 0"
        case .failure: tail = "read x; exit 3"
        // Without a shell that waits: dash loses an interrupt that comes while it starts a command.
        default: tail = "exec sleep 1000"
        }
        let usesTerminal = ending == .interrupt || ending == .hangUp
        let isKept = [.killKept, .killKeptAndWarden, .stopKept].contains(ending)
        var options: [String] = []
        // Long enough for all of the work on a busy machine.
        if ending == .timeout { options = ["--timeout", "30s"] }
        if isKept { options = ["--keep", "--name", "kept"] }
        let coop = try place.start(
            ["run"] + options + ["--", "sh", "-c", Self.work + "\n" + tail], input: usesTerminal ? .terminal(rows: 24, columns: 80) : .pipe)
        #expect(try coop.waitForOutput("ready"), "\(coop.outputText)\(coop.errorText)")
        // The work really is there, or its absence later would mean nothing.
        #expect(place.exists(".vscode"))
        let cgroups = try place.cgroups()
        let warden = try place.warden()
        let id = try #require(try place.sandboxIDs().first)
        let supervisor = try #require(try place.recorded("supervisor", of: id))
        // With a terminal a process of its own supervises.
        #expect((supervisor == coop.pid) == (!isKept && !usesTerminal))

        switch ending {
        case .exit, .failure: try coop.send("go\n")
        case .timeout: break
        case .interrupt: try coop.send("\u{3}")
        case .hangUp:
            // The session outlives its terminal, until it is stopped.
            coop.hangUp()
            _ = try coop.wait(timeout: 30)
            #expect(try place.coop(["stop", id]).exitCode == 0)
        case .killCLI: kill(coop.pid, SIGKILL)
        case .killWarden: kill(warden, SIGKILL)
        case .killKept: kill(supervisor, SIGKILL)
        case .killBoth, .killKeptAndWarden:
            kill(supervisor, SIGKILL)
            kill(warden, SIGKILL)
        case .stopKept: #expect(try place.coop(["stop", "kept"]).exitCode == 0)
        }
        let outcome = try coop.wait(timeout: 90)
        #expect(!outcome.timedOut, "\(outcome)")
        switch ending {
        case .exit: #expect(outcome.exitCode == 0, "\(outcome)")
        case .failure: #expect(outcome.exitCode == 3, "\(outcome)")
        case .timeout: #expect(outcome.exitCode == 124, "\(outcome)")
        case .interrupt: #expect(outcome.exitCode == 130, "\(outcome)")
        case .hangUp: break
        default: #expect(outcome.exitCode != 0, "\(outcome)")
        }

        try Deadline.poll(seconds: 30) { try place.processes().isEmpty }
        #expect(try place.processes() == [])
        try expectNoMounts(place)
        let next = try place.coop(["ps"])
        #expect(next.exitCode == 0, "\(next)")
        try expectNothing(place, cgroups: cgroups)
        #expect(try place.git("log", "--format=%s", "main") == "inside\nfirst")
        #expect(try place.git("fsck") == "", "the repository is intact")
        #expect(try place.git("status", "--porcelain") == "")
    }

    private func expectNoMounts(_ place: Sandboxed) throws {
        let mounts = String(osBytes: try FileSystem.read("/proc/self/mountinfo"))
        #expect(!mounts.contains(place.root))
    }

    private func expectNothing(_ place: Sandboxed, cgroups: [String]) throws {
        let remains = try place.remains()
        #expect(remains == [])
        #expect(cgroups.filter { FileSystem.kind($0) != nil } == [])
        for name in [".vscode", ".claude", ".idea"] { #expect(!place.exists(name), "the placeholder \(name)") }
        let journals = place.coopHome + "/state/placeholders"
        if FileSystem.kind(journals) == .directory {
            #expect(try FileSystem.list(journals).filter { $0.hasSuffix(".placeholders") } == [])
        }
    }

    @Test("the remains of a power loss are swept: files without their processes, a first half of a directory", arguments: TestIdentity.all)
    func powerLoss(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let coop = try place.start(["run", "--", "sh", "-c", Self.work + "\nread x"], input: .pipe)
        #expect(try coop.waitForOutput("ready"), "\(coop.outputText)\(coop.errorText)")
        // What a disk would hold after the power is back: copies that nobody has locked.
        let saved = try place.hostShell(
            """
            mkdir "$HOME/saved" && cp -a "$COOP_HOME/run" "$COOP_HOME/state" "$HOME/saved/" &&
            mkdir "$HOME/saved/placeholders" && cp -a .vscode .claude .idea "$HOME/saved/placeholders/"
            """)
        // A socket cannot be copied by every cp; everything else must be.
        #expect(saved.exitCode == 0, "\(saved)")
        kill(coop.pid, SIGKILL)
        _ = try coop.wait()
        #expect(try Deadline.poll(seconds: 30) { try place.processes().isEmpty })
        let restored = try place.hostShell(
            """
            rm -rf "$COOP_HOME/run" "$COOP_HOME/state" && cp -a "$HOME/saved/run" "$HOME/saved/state" "$COOP_HOME/" &&
            cp -a "$HOME/saved/placeholders/." . && mkdir "$COOP_HOME/run/.halfmade" && touch -d '2 days ago' "$COOP_HOME/run/.halfmade" &&
            mkdir "$COOP_HOME/run/.locked" && : > "$COOP_HOME/run/.locked/lock"
            """)
        #expect(restored.exitCode == 0, "\(restored)")
        let next = try place.coop(["ps"])
        #expect(next.exitCode == 0, "\(next)")
        try expectNothing(place, cgroups: [])
        #expect(try place.git("log", "--format=%s", "main") == "inside\nfirst")
        // And a new sandbox starts as if nothing had been.
        #expect(try place.shell("git log --format=%s -1; cat \"$HOME/kept\"").output == "inside\nkept\n")
    }

    @Test("a start that fails late leaves nothing in the workspace", arguments: TestIdentity.all)
    func failedStart(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.configure("[network]\nproxy = \"socks5://192.0.2.1:1080\"\n")
        let outcome = try place.run(["true"])
        #expect(outcome.exitCode == 125 && outcome.error.contains("cannot use the proxy socks5://192.0.2.1:1080"), "\(outcome)")
        try expectNothing(place, cgroups: [])
        #expect(try FileSystem.list(place.project).isEmpty)
    }

    @Test("a full disk is said with what shows how full it is, and leaves nothing behind", .enabled(if: getuid() == 0))
    func fullDisk() throws {
        let place = try Sandboxed(.root)
        // In a mount namespace of its own, which takes the small disk with it.
        let script = """
            mkdir -p "$1" && mount -t tmpfs -o size=256k,nr_inodes=60,mode=700 none "$1" || exit 9
            export COOP_HOME="$1/c"; "$2" run -- true; "$2" run --network none -- true
            i=0; while [ $i -lt 60 ]; do touch "$1/$i" 2>/dev/null; i=$((i + 1)); done
            "$2" run --network none -- true; "$2" profile add work --agent codex; rm -f "$1"/[0-9]*; "$2" run --network none -- echo again
            ls -A "$COOP_HOME/cache"
            """
        let outcome = try ChildProcess(
            ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, "sh", place.root + "/disk", try BuiltPrograms.coop()],
            environment: place.environment, directory: place.project
        ).wait(timeout: 300)
        #expect(outcome.exitCode == 0 && outcome.output == "again\n", "\(outcome)")
        #expect(outcome.error.contains("cannot add the sandbox's certificate authority: "), "\(outcome)")
        #expect(outcome.error.split(separator: "\n").filter { $0.hasPrefix("Next: df -h") }.count == 2, "\(outcome)")
        #expect(!outcome.error.contains("export COOP_HOME"), "\(outcome)")
        #expect(try FileSystem.list(place.project).isEmpty)
    }

    @Test("a placeholder that the user has filled meanwhile stays", arguments: TestIdentity.all)
    func filledPlaceholder(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(["run", "--", "sh", "-c", "echo ready; read x"], input: .pipe)
        #expect(try coop.waitForOutput("ready"))
        try place.write(".vscode/settings.json", "{}")
        kill(coop.pid, SIGKILL)
        _ = try coop.wait()
        _ = try place.coop(["ps"])
        #expect(place.exists(".vscode/settings.json") && !place.exists(".claude"))
        #expect(try place.remains() == [])
    }

    @Test("a killed sandbox does not disturb one that lives in the same project", arguments: TestIdentity.all)
    func neighbour(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let one = try place.start(["run", "--", "sh", "-c", "echo ready; read x; git commit -q --allow-empty -m one"], input: .pipe)
        #expect(try one.waitForOutput("ready"))
        let other = try place.start(["run", "--", "sh", "-c", "echo ready; sleep 1000"], input: .pipe)
        #expect(try other.waitForOutput("ready"))
        kill(other.pid, SIGKILL)
        _ = try other.wait()
        let listing = try place.coop(["ps"])
        #expect(listing.output.split(separator: "\n").count == 2, "\(listing)")
        #expect(place.exists(".vscode"))
        try one.send("go\n")
        let outcome = try one.wait()
        #expect(outcome.exitCode == 0 && outcome.error == "", "\(outcome)")
        #expect(try place.git("log", "--format=%s", "-1") == "one")
        try expectNothing(place, cgroups: [])
    }

    @Test("twenty sandboxes of one project start, run, commit and clean up at once", arguments: TestIdentity.all)
    func twenty(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let runs = try (0..<20).map { number in
            try place.start([
                "run", "--", "sh", "-c",
                "git checkout -q -b branch-\(number) && git commit -q --allow-empty -m \(number) && echo \(number) > out-\(number); exit \(number)",
            ])
        }
        for (number, run) in runs.enumerated() {
            let outcome = try run.wait(timeout: 120)
            #expect(outcome.exitCode == Int32(number), "\(outcome)")
        }
        for number in 0..<20 {
            #expect(try place.text("out-\(number)") == "\(number)\n")
            #expect(try place.git("log", "--format=%s", "-1", "branch-\(number)") == "\(number)")
        }
        try expectNothing(place, cgroups: [])
    }

    /// Short as a rule; COOP_STRESS=1000 for that many rounds.
    @Test("sandboxes that are killed at any moment of their life leave nothing", arguments: TestIdentity.all)
    func stress(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let rounds = getenv("COOP_STRESS").flatMap { Int(String(cString: $0)) } ?? 8
        for round in 0..<rounds {
            let runs = try (0..<3).map { number in
                try place.start([
                    "run", "--", "sh", "-c",
                    "git checkout -q -b b-\(round)-\(number); git commit -q --allow-empty -m x; setsid sleep 1000 & sleep 1000",
                ])
            }
            for (index, run) in runs.enumerated() {
                // From before the first system call to well after the start.
                poll(nil, 0, Int32((round * 17 + index * 29) % 160))
                kill(run.pid, SIGKILL)
            }
            for run in runs { _ = try run.wait() }
        }
        #expect(try Deadline.poll(seconds: 30) { try place.processes().isEmpty })
        #expect(try place.processes() == [])
        // Killed before it had locked its directory: nothing tells that from one that is just being made, for an hour.
        let left = FileSystem.kind(place.coopHome + "/run") == .directory ? try FileSystem.list(place.coopHome + "/run") : []
        for name in left where name.hasPrefix(".") {
            _ = try place.outside(["touch", "-d", "2 days ago", "\(place.coopHome)/run/\(name)"])
        }
        let next = try place.coop(["ps"])
        // Three at a time change branches, and only one can win HEAD; anything else said would be a failure.
        let complaints = next.error.split(separator: "\n").filter {
            !$0.hasPrefix("coop: HEAD stays") && !$0.hasPrefix("coop: the index stays")
        }
        #expect(next.exitCode == 0 && complaints == [], "\(next)")
        try expectNothing(place, cgroups: [])
        let check = try place.git("fsck", "--no-dangling")
        #expect(check == "")
    }

    @Test("what is staged inside arrives, though a git that was killed has left its lock", arguments: TestIdentity.all)
    func killedGit(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let outcome = try place.shell(
            "echo second > second && git add second && git commit -qm second && echo third > third && git add third && : > .git/index.lock")
        #expect(outcome.exitCode == 0 && outcome.error.isEmpty, "\(outcome)")
        #expect(try place.git("log", "--format=%s") == "second\nfirst")
        #expect(try place.git("status", "--porcelain") == "A  third")
        #expect(try place.remains() == [])
    }
}
