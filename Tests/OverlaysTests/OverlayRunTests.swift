import CLinux
import Glibc
import LinuxKernel
import Overlays
import Review
import TestSupport
import Testing

/// `coop run --workspace overlay`, from outside: the command works freely, and the tree stays as it is.
@Suite struct OverlayRunTests {
    private static let overlay = ["--workspace", "overlay", "--network", "none"]

    @Test("real tools work, the tree stays byte for byte, and the changes are exactly what was done", arguments: TestIdentity.all)
    func tools(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeWork()
        let before = try place.outline()
        let outcome = try place.shell(
            """
            set -e
            git status --short
            echo more >> src/a; rm src/b; mv src/c src/moved; mv docs handbook; chmod 755 src/d; chmod 600 private
            ln -sfn elsewhere link; ln src/d src/hard; truncate -s 3 src/long; dd if=/dev/zero of=sparse bs=1 count=1 seek=5000000 status=none
            rm -r tree; mkdir tree; echo fresh > tree/fresh; rm -r leave; echo file > leave
            mkdir -p many; python3 -c 'for i in range(2000): open(f"many/{i}", "w").write(str(i))'
            python3 -m venv --without-pip env; env/bin/python -c 'import sys; assert sys.prefix.endswith("env")'
            python3 -c 'import os; os.setxattr("src/a", "user.note", b"x")' || true
            git add -A; git commit -qm inside; git stash list; git gc -q; git fsck --no-dangling
            echo dirty >> src/a; git checkout -q -b side; git commit -qam side
            mkdir locked; echo s > locked/s; chmod 000 locked/s locked
            python3 view.py > /tmp/view; cat /tmp/view
            """, options: Self.overlay, timeout: 600)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.outline() == before)
        let session = try place.overlaySession()
        let expected = outcome.output.split(separator: "\n").map(String.init).filter { $0.hasPrefix("=") }
        #expect(expected.count > 2000 && expected.contains { $0.contains("user.note=78") })
        // Counted by the supervisor, with the user's own rights: what nobody may read is among it.
        #expect(outcome.error.contains("\(try session.changes().count) paths differ in the overlay"), "\(outcome.error)")
        #expect(outcome.error.contains("Next: coop diff \(session.id)"))
        #expect(try place.git("branch", "--list", "side").hasSuffix("side"))
        #expect(try !place.git("fsck").contains("error"))
        #expect(try place.remains() == [])
        #expect(FileSystem.kind(session.directory.work) == nil)
        try expectLanded(place, expected, "real tools")
    }

    /// Attributes that are there before.
    private static let notes =
        "import os; os.setxattr('src/a', 'user.k0', b'a'); os.setxattr('docs', 'user.k1', b'docs'); os.setxattr('tree/one', 'user.k2', b'1')"

    @Test(
        "random operations give the same in the tree as inside, and the undo of them what was there", arguments: TestIdentity.all,
        [1, 2, 3, 4])
    func random(_ identity: TestIdentity, _ seed: Int) throws {
        let place = try Sandboxed(identity)
        try place.makeWork()
        #expect(try place.outside(["python3", "-c", Self.notes]).exitCode == 0)
        let before = try place.outline()
        let original = try place.view(of: place.project)
        let outcome = try place.run(["python3", "random_work.py", String(seed), "1200"], options: Self.overlay, timeout: 600)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.outline() == before)
        let inside = outcome.output.split(separator: "\n").map(String.init)
        try expectLanded(place, inside, "seed \(seed)")
        #expect(try place.coop(["diff", "--name-only"]).exitCode == 1, "seed \(seed)")
        #expect(try place.coop(["undo"]).exitCode == 0)
        #expect(try place.view(of: place.project) == original, "seed \(seed)")
        try expectLanded(place, inside, "seed \(seed), again")
    }

    /// Applies everything, and compares the tree with what was seen inside.
    private func expectLanded(_ place: Sandboxed, _ inside: [String], _ what: String) throws {
        let applied = try place.coop(["apply", "--yes", "--accept", "**"])
        #expect(applied.exitCode == 0, "\(what): \(applied)")
        let landed = try place.view(of: place.project)
        let difference = landed.filter { !inside.contains($0) } + inside.filter { !landed.contains($0) }.map { "inside " + $0 }
        #expect(difference.isEmpty, "\(what): \(difference)")
    }

    @Test("random operations, applied again and again while the session goes on", arguments: TestIdentity.ordinary, [5, 6])
    func rounds(_ identity: TestIdentity, _ seed: Int) throws {
        let place = try Sandboxed(identity)
        try place.makeWork()
        let script = "while read n; do echo \"<$n\"; python3 random_work.py $n 120; echo \">$n\"; done"
        let session = try place.start(["run"] + Self.overlay + ["--", "sh", "-c", script], input: .pipe)
        for round in 1...8 {
            let number = seed * 100 + round
            try session.send("\(number)\n")
            #expect(try session.waitForOutput(">\(number)\n"), "\(session.errorText)")
            let text = session.outputText
            let part = text.split(separator: "<\(number)\n", maxSplits: 1).last?.split(separator: ">\(number)\n").first ?? ""
            try expectLanded(place, part.split(separator: "\n").map(String.init), "round \(number)")
        }
        session.closeInput()
        #expect(try session.wait().exitCode == 0)
        #expect(try place.coop(["diff", "--name-only"]).exitCode == 1)
    }

    @Test("what is tried against the overlay from inside leads nowhere", arguments: TestIdentity.all)
    func attacks(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeWork()
        try FileSystem.makeDirectories(place.home + "/outside", mode: 0o755)
        let before = try place.outline()
        let outcome = try place.shell(
            """
            python3 - <<'END'
            import os
            for path in ["src", "src/a", "tree"]:
                for name in ["redirect", "opaque", "whiteout", "metacopy", "origin"]:
                    for prefix in ["user.overlay.", "trusted.overlay.", "user.overlay.overlay."]:
                        try: os.setxattr(path, prefix + name, b"/etc" if name == "redirect" else b"y")
                        except OSError: pass
            try: os.mknod("src/white", 0o020600, 0); print("made a whiteout")
            except OSError: pass
            try: os.mknod("null", 0o020666, os.makedev(1, 3)); print("made a device")
            except OSError: pass
            END
            rm -r tree; ln -s / tree; rm -r src; ln -s /etc src; ln -s \(place.coopHome) home
            grep ' - overlay ' /proc/self/mountinfo; ls -d \(place.coopHome) || true
            """, options: Self.overlay)
        #expect(!outcome.output.contains("made a"), "\(outcome)")
        #expect(!outcome.output.contains(place.coopHome), "the overlay's own directory can be seen: \(outcome.output)")
        #expect(try place.outline() == before)
        let changes = try place.overlaySession().changes()
        let added = changes.filter { $0.after != nil }
        #expect(added.map(\.path) == ["home", "src", "tree"])
        #expect(added.allSatisfy { $0.after?.kind == .symlink })
        #expect(
            Set(changes.filter { $0.after == nil }.map(\.path)) == ["src/a", "src/b", "src/c", "src/d", "src/long", "tree/one", "tree/two"])
    }

    @Test("the user goes on below, and the base stays what it was", arguments: TestIdentity.all)
    func meanwhile(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeWork()
        try place.write("loose", "loose\n")
        let coop = try place.start(
            ["run"] + Self.overlay + [
                "--", "sh", "-c", "echo agent >> src/a; echo agent >> loose; echo agent > own; echo ready; read x; cat src/a",
            ],
            input: .pipe)
        #expect(try coop.waitForOutput("ready"), "\(coop.outputText)\(coop.errorText)")
        // While it runs.
        let id = try #require(try place.overlayIDs().first)
        let live = try place.overlaySession()
        #expect(try live.changes().map(\.path) == ["loose", "own", "src/a"])
        #expect(try place.coop(["rm", "--force", id]).exitCode == 4)
        // In place, as an editor may do it: git has the old content, or nobody has.
        let write = try place.outside(["sh", "-c", "echo user >> src/a; echo user >> loose; echo user > src/d; echo user > new"])
        #expect(write.exitCode == 0)
        try coop.send("go\n")
        let outcome = try coop.wait(timeout: 300)
        #expect(outcome.output.contains("agent"))
        let session = try place.overlaySession()
        let changes = try session.changes()
        #expect(changes.map(\.path) == ["loose", "own", "src/a"])
        #expect(try changes[2].before?.text() == "a\n")
        #expect(try changes[2].after?.text() == "a\nagent\n")
        #expect(try !session.isUntouched("src/a"))
        #expect(try session.isUntouched("src/c"))
        #expect(try place.text("src/a") == "a\nuser\n")
        // A copy was made beside the command, or its loss is told; it is never taken from the user's new version.
        switch try session.base(of: "loose") {
        case .known(let version): #expect(try version.text() == "loose\n")
        case .contentLost: break
        case .absent: Issue.record("it was there")
        }
    }

    @Test("a supervisor that is killed leaves the changes, and nothing else", arguments: TestIdentity.all)
    func killed(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeWork()
        let before = try place.outline()
        let coop = try place.start(
            ["run"] + Self.overlay + [
                "--", "sh", "-c",
                "rm -r tree; echo x > own; git add -A; git commit -qm inside; git branch kept; echo ready; exec sleep 1000",
            ],
            input: .pipe)
        #expect(try coop.waitForOutput("ready"), "\(coop.outputText)\(coop.errorText)")
        let id = try #require(try place.overlayIDs().first)
        kill(coop.pid, SIGKILL)
        _ = try coop.wait(timeout: 300)
        #expect(try Deadline.poll(seconds: 120) { try place.coop(["ps"]).exitCode == 0 && place.remains().isEmpty })
        #expect(try place.outline() == before)
        #expect(try place.git("branch", "--list", "kept").hasSuffix("kept"))
        let session = try place.overlaySession()
        #expect(try session.changes().map(\.path) == ["own", "tree", "tree/one", "tree/two"])
        #expect(FileSystem.kind(session.directory.work) == nil)
        let refused = try place.coop(["rm", id])
        #expect(refused.exitCode == 1)
        #expect(refused.error.contains("Next: coop discard \(id)"), "\(refused)")
        let pruned = try place.coop(["prune", "--older-than", "0s"])
        #expect(pruned.exitCode == 1)
        #expect(pruned.error.contains(id))
        // One document, though it failed.
        let report = try place.coop(["prune", "--older-than", "0s", "--json"])
        #expect(report.exitCode == 1 && report.output.contains(id) && report.output.split(separator: "version").count == 2, "\(report)")
        #expect(try place.overlayIDs() == [id])
        #expect(try place.coop(["rm", "--force", id]).exitCode == 0)
        #expect(try place.overlayIDs() == [])
    }

    @Test("twenty thousand files, and as many changes")
    func many() throws {
        let place = try Sandboxed(TestIdentity.ordinary.first ?? .root)
        let made = try place.outside([
            "python3", "-c",
            "import os\nfor i in range(20000):\n  os.makedirs(f'd{i//200}', exist_ok=True); open(f'd{i//200}/f{i}', 'w').write(str(i))",
        ])
        #expect(made.exitCode == 0)
        try place.write("view.py", OverlayPrograms.view)
        #expect(try place.outside(["cp", "-a", ".", "../copy"]).exitCode == 0)
        let before = try place.outline()
        let outcome = try place.shell(
            """
            rm -r d1? ; mv d20 moved; for i in 30 31 32 33; do sed -i s/1/2/ d$i/*; done; chmod -R go-rwx d4?
            cp -r d50 copied; find d60 -type f -exec touch {} +; python3 view.py > /tmp/view; cat /tmp/view
            """, options: Self.overlay, timeout: 600)
        #expect(outcome.exitCode == 0, "\(outcome.error)")
        #expect(try place.outline() == before)
        let changes = try place.overlaySession().changes()
        #expect(!changes.contains { $0.path.hasPrefix("d60/") })
        #expect(changes.filter { $0.origin?.hasPrefix("d20/") ?? false }.count == 200)
        try place.materialize(changes)
        #expect(try place.view(of: place.root + "/copy") == outcome.output.split(separator: "\n").map(String.init))
    }

    @Test("a project that is moved, or gone, takes its changes along")
    func moved() throws {
        let place = try Sandboxed(TestIdentity.ordinary.first ?? .root)
        try place.makeWork()
        #expect(try place.shell("echo agent >> src/a", options: Self.overlay).exitCode == 0)
        let directory = try place.overlaySession().directory
        let moved = place.root + "/moved"
        try FileSystem.rename(place.project, to: moved)
        defer { try? FileSystem.rename(moved, to: place.project) }
        let session = try #require(try OverlaySession.open(directory, root: moved))
        #expect(try session.changes().map(\.path) == ["src/a"])
        #expect(try session.isUntouched("src/a"))
        #expect(try session.changes()[0].before?.text() == "a\n")
        let gone = try #require(try OverlaySession.open(directory))
        #expect(try gone.changes().map(\.path) == ["src/a"])
    }

    @Test("a run without a change leaves no overlay, and a short one its log", arguments: TestIdentity.all)
    func unchanged(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeWork()
        let outcome = try place.shell("cat src/a > /dev/null; touch x; rm x; chmod u+x src/a; chmod u-x src/a", options: Self.overlay)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(!outcome.error.contains("differ"))
        #expect(try place.overlayIDs() == [])
        #expect(try place.coop(["ps", "-a"]).output.contains("exited"))
    }

    @Test("excluded directories are private, and no change", arguments: TestIdentity.all)
    func excludes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeWork()
        try place.configure("[sandbox]\nexcludes = [\"tree\", \"deep/node_modules\", \"private\"]\n")
        let outcome = try place.shell(
            "ls tree; ls deep/node_modules; wc -c < private; echo x > tree/x; echo x > deep/node_modules/x; echo y > kept",
            options: Self.overlay)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(outcome.output.trimmed == "0")
        #expect(try place.overlaySession().changes().map(\.path) == ["kept"])
        #expect(!place.exists("deep"))
    }

    @Test("where no overlay can be had, it is said why, and nothing runs")
    func refusals() throws {
        guard getuid() == 0 else { return }
        let place = try Sandboxed(.user)
        try place.makeWork()
        let words = TestIdentity.user.arguments(
            [try BuiltPrograms.coop(), "run"] + Self.overlay + ["--", "sh", "-c", "echo ran"]
        ).map(\.quoted).joined(separator: " ")
        func run(_ script: String) throws -> ChildProcess.Outcome {
            try ChildProcess.run(
                ["unshare", "-m", "sh", "-c", script + " && cd '\(place.project)' && exec " + words], environment: place.environment,
                directory: "/")
        }
        let mounted = try run("mount -t tmpfs none '\(place.project)/tree'")
        #expect(mounted.exitCode == 126, "\(mounted)")
        #expect(mounted.error.contains("another file system is mounted at \(place.project)/tree"))
        // What is an overlay itself carries none.
        let layers = place.root + "/layers"
        for name in ["lower", "upper", "work"] { try FileSystem.makeDirectories(layers + "/" + name, mode: 0o755) }
        for name in ["", "/lower", "/upper", "/work"] { try place.give(layers + name) }
        let stacked = try run(
            "mount -t overlay none -o lowerdir='\(layers)/lower',upperdir='\(layers)/upper',workdir='\(layers)/work' '\(place.coopHome)'")
        #expect(stacked.exitCode == 125, "\(stacked)")
        #expect(stacked.error.contains("cannot lay an overlay over the workspace"))
        #expect(stacked.error.contains("--workspace bind"))
        for outcome in [mounted, stacked] { #expect(!outcome.output.contains("ran")) }
        #expect(try place.overlayIDs() == [])
    }
}
