import Glibc
import LinuxKernel
import TestSupport
import Testing

/// `coop task merge` and `divergence`, with plain git beside it.
@Suite struct TaskMergeTests {
    private let anyone = TestIdentity.ordinary.last ?? .root

    /// A repository on `trunk` with some files, and a task `fix` that has been worked on.
    private func place(_ identity: TestIdentity, task: String? = TaskMergeTests.work, after: String = "") throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.sh(
            """
            git init -q -b trunk . && git config user.name Ada && git config user.email ada@example.org && git config gc.auto 0
            mkdir -p deep/er && printf '1\\n2\\n3\\n4\\n5\\n' > lines && echo x > deep/er/only && echo k > kept && echo s > becomes
            mkdir dir && echo a > dir/a && ln -s lines link && git add . && git commit -qm first
            """)
        if let task { #expect(try place.coop(["run", "--task", "fix", "--", "sh", "-ec", task]).exitCode == 0) }
        if !after.isEmpty { try place.sh(after) }
        return place
    }

    static let work = """
        printf '1\\n2\\n3\\n4\\n5\\n6\\n' > lines; git rm -q deep/er/only; mkdir -p new/place; echo n > new/place/n; echo '#!/bin/sh' > run
        chmod +x run; git rm -q becomes; mkdir becomes; echo b > becomes/b; git rm -rq dir; echo now > dir; ln -sf kept link
        git add -A; git commit -qm 'First of the task' -m 'With a body.'; echo more > more; git add -A; git commit -qm Second
        """

    static let mine = "printf '0\\n1\\n2\\n3\\n4\\n5\\n' > lines && git commit -qam mine"

    /// Merges in a copy with plain git: what the working tree, the status and the tree of HEAD are then.
    private func plain(_ place: Sandboxed, _ script: String) throws -> String {
        try place.sh("cp -a \"$PWD\" ../plain && cd ../plain && rm -rf .git/worktrees && \(script)")
        defer { try? FileSystem.removeTree(place.root + "/plain") }
        return try place.sh("cd ../plain && \(TaskMergeTests.look)")
    }

    /// All of a working tree, the state of its index, and the tree that is committed.
    static let look = """
        git status --porcelain=v1 --untracked-files=all; git rev-parse 'HEAD^{tree}'; git log -1 --format='%P %an %ae %B'
        find . -path ./.git -prune -o -printf '%y %m %l %P\\n' | sort; find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
        """

    @Test("merge, squash and rebase end where git ends, and what else the user changes stays", arguments: TestIdentity.all)
    func likeGit(_ identity: TestIdentity) throws {
        let ways: [(option: [String], git: String)] = [
            ([], "git merge -q --no-edit coop/fix"),
            (["--squash"], "git stash -q && git merge -q --squash coop/fix && git commit -q --no-edit && git stash pop -q --index"),
            (["--rebase"], "git stash -q && git rebase -q trunk coop/fix && git checkout -q -B trunk && git stash pop -q --index"),
        ]
        for way in ways {
            let place = try place(
                identity, after: TaskMergeTests.mine + "; echo untracked > other; echo dirty >> kept")
            let expected = try plain(place, way.git).replacing("coop: ", with: "")
            let outcome = try place.coop(["task", "merge", "fix", "--yes", "--accept", "run"] + way.option)
            #expect(outcome.exitCode == 0, "\(outcome)")
            // Rebased commits have the time of the merge, so their names differ.
            let found = try place.sh(TaskMergeTests.look)
            func comparable(_ text: String) -> [Substring] {
                text.split(separator: "\n").filter { line in !way.option.contains("--rebase") || !line.contains("Ada ada@example.org") }
            }
            #expect(comparable(found) == comparable(expected))
            #expect(try place.git("fsck") == "")
            #expect(try place.git("diff", "--name-only") == "kept")
            // It is merged, whichever way.
            let removed = try place.coop(["task", "rm", "fix"])
            #expect(removed.exitCode == 0, "\(removed)")
            #expect(try place.remains() == [])
        }
    }

    @Test("several tasks that are merged at once all arrive") func atOnce() throws {
        let place = try place(anyone, task: nil)
        let names = (1...5).map { "t\($0)" }
        for name in names { #expect(try place.task(name, "echo \(name) > \(name); git add .; git commit -qm \(name)").exitCode == 0) }
        let merges = try names.map { try place.start(["task", "merge", $0, "--yes"]) }
        for merge in merges {
            let outcome = try merge.wait()
            #expect(outcome.exitCode == 0, "\(outcome)")
        }
        #expect(try place.git("ls-files", "t?").split(separator: "\n").map(String.init) == names)
        #expect(try place.git("status", "--porcelain") == "")
        #expect(try place.leftovers() == [])
    }

    @Test("staged changes elsewhere stay staged") func staged() throws {
        let place = try place(anyone, after: "echo other > other; git add other; git rm -q --cached kept")
        let expected = try plain(place, "git merge -q --no-edit coop/fix")
        let outcome = try place.coop(["task", "merge", "fix", "--yes", "--accept", "run"])
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.sh(TaskMergeTests.look) == expected)
    }

    @Test("conflicts are listed, the code is 1, and not a byte changes", arguments: ["", "--squash", "--rebase"])
    func conflicts(_ option: String) throws {
        let place = try place(
            anyone, after: "printf 'other\\n' > lines; git commit -qam mine; echo dirty > kept; echo staged > s; git add s")
        let before = try place.bytes()
        let outcome = try place.coop(["task", "merge", "fix"] + (option.isEmpty ? [] : [option]))
        #expect(
            outcome.exitCode == 1 && outcome.error.contains("\n  lines\n") && outcome.error.contains("nothing was changed"), "\(outcome)")
        let report = try place.coop(["task", "merge", "fix", "--json"] + (option.isEmpty ? [] : [option]))
        #expect(report.exitCode == 1 && report.output.filter { !$0.isWhitespace }.contains("\"conflicts\":[\"lines\"]"), "\(report)")
        #expect(try place.bytes() == before)
        #expect(try place.merges() == [])
    }

    @Test(
        "what the user has in the same files is in the way, and nothing changes",
        arguments: [
            "echo mine >> lines", "echo mine >> lines; git add lines", "mkdir new; echo mine > new/place", "echo mine > more",
            "rm lines", "chmod +x lines", "ln -sfn /etc link", "echo mine > dir/untracked", "mkdir -p new; ln -s /tmp new/place",
        ])
    func inTheWay(_ change: String) throws {
        let place = try place(anyone, after: change)
        let before = try place.bytes()
        let outcome = try place.coop(["task", "merge", "fix", "--yes", "--accept", "run"])
        #expect(outcome.exitCode == 1, "\(outcome)")
        #expect(try place.bytes() == before, "\(change)")
        #expect(try place.merges() == [])
    }

    @Test("without a terminal what the host would execute is refused, and recorded") func gate() throws {
        let place = try place(
            anyone,
            task:
                "blob=$(echo '{}' | git hash-object -w --stdin); for name in .vscode/tasks.json .husky/pre-commit y; do git update-index --add --cacheinfo 100644,$blob,$name; done; git commit -qm x"
        )
        let before = try place.bytes()
        let refused = try place.coop(["task", "merge", "fix", "--yes"])
        #expect(refused.exitCode == 126 && refused.error.contains(".vscode/tasks.json"), "\(refused)")
        #expect(try place.bytes() == before)
        let accepted = try place.coop(["task", "merge", "fix", "--yes", "--accept", ".vscode/**", "--accept", ".husky/**"])
        #expect(accepted.exitCode == 0 && place.exists(".vscode/tasks.json"), "\(accepted)")
        #expect(try place.coop(["audit", "show", "--json"]).output.contains(".vscode/tasks.json"))
    }

    @Test("a base that is checked out elsewhere changes there, and one that is nowhere changes alone") func elsewhere() throws {
        let place = try place(anyone)
        try place.sh("git branch free; git worktree add -q ../there -b other")
        let before = try place.sh(TaskMergeTests.look)
        #expect(try place.coop(["task", "merge", "fix", "--into", "free", "--accept", "run"]).exitCode == 0)
        #expect(try place.git("rev-parse", "free") == place.git("rev-parse", "coop/fix"))
        #expect(try place.sh(TaskMergeTests.look) == before)
        #expect(try place.coop(["task", "merge", "fix", "--into", "other", "--accept", "run"]).exitCode == 0)
        #expect(try place.sh("cd ../there && git status --porcelain && cat more") == "more\n")
        #expect(try place.sh(TaskMergeTests.look) == before)
        let nowhere = try place.coop(["task", "merge", "fix", "--into", "othr"])
        #expect(nowhere.exitCode == 1 && nowhere.error.contains("did you mean `other`"), "\(nowhere)")
        let again = try place.coop(["task", "merge", "fix", "--into", "free"])
        #expect(again.exitCode == 0 && again.output.contains("Nothing to merge"), "\(again)")
    }

    @Test("a session that works and files that are not committed are named, and what is committed is merged") func running() throws {
        let place = try place(anyone)
        let session = try place.start(
            ["run", "--task", "fix", "--", "sh", "-c", "echo open > open; echo begun; read wait"], input: .pipe)
        #expect(try session.waitForOutput("begun"))
        let outcome = try place.coop(["task", "merge", "fix", "--accept", "run"])
        #expect(
            outcome.exitCode == 0 && outcome.error.contains("still works in fix") && outcome.error.contains("1 file in fix"), "\(outcome)")
        #expect(place.exists("more") && !place.exists("open"))
        try session.send("\n")
        #expect(try session.wait().exitCode == 0)
        #expect(try place.coop(["task", "rm", "fix"]).exitCode == 1)
    }

    @Test("sparse checkouts keep their patterns, submodules their files") func sparse() throws {
        let place = try place(
            anyone, task: "echo 2 > deep/er/only; echo 2 > kept; git commit -qam two",
            after:
                "git sparse-checkout set --no-cone '/*' '!/deep/'; git init -q sub; git -C sub -c user.name=S -c user.email=s@example.org commit -q --allow-empty -m s; git add sub; git commit -qm sub"
        )
        let outcome = try place.coop(["task", "merge", "fix"])
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.text("kept") == "2\n" && !place.exists("deep") && place.exists("sub/.git"))
        #expect(try place.git("status", "--porcelain") == "")
        #expect(try place.git("show", "HEAD:deep/er/only") == "2")
    }

    @Test("nothing that configuration, hooks or attributes name is run at a merge", arguments: TestIdentity.all)
    func attacks(_ identity: TestIdentity) throws {
        let place = try place(identity, task: nil)
        try place.sh(
            """
            printf '* merge=evil filter=evil diff=evil\\n*.u merge=union\\n' > .gitattributes; echo 1 > a.u; git add -A; git commit -qm attributes
            """)
        #expect(
            try place.coop([
                "run", "--task", "fix", "--", "sh", "-ec", "echo 2 >> a.u; printf '0\\n1\\n2\\n3\\n4\\n5\\n' > lines; git commit -qam t",
            ]).exitCode == 0)
        try place.sh("echo 3 >> a.u; printf '1\\n2\\n3\\n4\\n5\\n6\\n' > lines; git commit -qam m")
        let mark = place.root + "/executed"
        try place.sh(
            """
            printf '#!/bin/sh\\ntouch \(mark)\\ncat 2>/dev/null\\n' > ../evil; chmod 755 ../evil
            for key in merge.evil.driver filter.evil.clean filter.evil.smudge filter.evil.process diff.evil.textconv diff.evil.command \\
              diff.external core.fsmonitor gpg.program core.sshCommand core.pager core.editor core.alternateRefsCommand credential.helper \\
              uploadpack.packObjectsHook gc.recentObjectsHook trailer.x.command; do git config "$key" "$PWD/../evil"; done
            git config filter.evil.required true; git config commit.gpgSign true; git config include.path ../../evil-config
            git config core.hooksPath "$PWD/../hooks"; mkdir ../hooks
            for hook in pre-merge-commit post-merge post-checkout pre-commit commit-msg prepare-commit-msg reference-transaction post-index-change \\
              fsmonitor-watchman post-rewrite pre-rebase sendemail-validate; do cp ../evil ../hooks/$hook; cp ../evil .git/hooks/$hook; done
            printf '[core]\\n\\tfsmonitor = %s\\n' "$PWD/../evil" > ../evil-config; rm -f \(mark)
            """)
        for option in [["task", "divergence"], ["task", "merge", "fix", "--squash", "--into", "trunk"], ["task", "list"]] {
            let outcome = try place.coop(option)
            #expect(outcome.exitCode == 0, "\(outcome)")
        }
        #expect(FileSystem.kind(mark) == nil, "something was executed")
        #expect(try place.text("a.u") == "1\n3\n2\n" && place.text("lines") == "0\n1\n2\n3\n4\n5\n6\n")
    }

    @Test("names that look alike are different files, and such as git takes for its own do not land") func names() throws {
        let place = try place(
            anyone,
            task:
                "printf 1 > \"$(printf 'e\\314\\201')\"; printf 2 > \"$(printf '\\303\\251')\"; printf 3 > CASE; printf 4 > case; git add -A; git commit -qm n"
        )
        #expect(try place.coop(["task", "merge", "fix"]).exitCode == 0)
        #expect(try place.sh("cat \"$(printf 'e\\314\\201')\" \"$(printf '\\303\\251')\" CASE case; git status --porcelain") == "1234")
        let tip = try place.git("rev-parse", "coop/fix")
        for name in [".GIT", ".git", "..", "git~1", ".g\\xe2\\x80\\x8cit"] {
            _ = try place.coop([
                "run", "--task", "fix", "--", "bash", "-c",
                """
                blob=$(echo evil | git hash-object -w --stdin); tree=$(printf '100644 blob %s\\tconfig\\n' "$blob" | git mktree)
                name=$(printf '\(name)'); top=$( { git ls-tree HEAD; printf '040000 tree %s\\t%s\\n' "$tree" "$name"; } | git mktree)
                git update-ref refs/heads/coop/fix "$(git commit-tree "$top" -p HEAD -m evil)"
                """,
            ])
            #expect(try place.git("rev-parse", "coop/fix") == tip, "\(name)")
        }
    }

    @Test("divergence names who changed the same file") func divergence() throws {
        let place = try place(anyone)
        #expect(
            try place.coop(["run", "--task", "two", "--", "sh", "-c", "echo 2 > more; echo 3 > three; git add -A; git commit -qm t"])
                .exitCode == 0)
        try place.sh(TaskMergeTests.mine)
        let text = try place.coop(["task", "divergence"]).output
        #expect(text.contains("fix: 2 ahead of trunk, 1 behind") && text.contains("two: 1 ahead of trunk, 1 behind"), "\(text)")
        #expect(text.hasSuffix("Changed by more than one task:\n  more: fix, two\n"), "\(text)")
        let json = try place.coop(["task", "divergence", "two", "--json"]).output.filter { !$0.isWhitespace }
        #expect(json.contains("\"overlaps\":[{\"path\":\"more\",\"tasks\":[\"fix\",\"two\"]}]"), "\(json)")
    }

    // MARK: - Kills and full disks

    /// As everybody; the ways of merging differ only before anything is touched.
    private static let kills: [(String, TestIdentity)] =
        TestIdentity.all.map { ("", $0) } + ["--squash", "--rebase"].map { ($0, TestIdentity.ordinary.last ?? .root) }

    @Test("killed at any point, tree, index and branch are old or new together", arguments: kills)
    func killed(_ option: String, _ identity: TestIdentity) throws {
        let place = try place(
            identity, after: TaskMergeTests.mine + "; echo untracked > other; echo dirty >> kept; cp -a \"$PWD\" ../before")
        try place.sh("cp -a \"$COOP_HOME\" ../home-before")
        let words = ["task", "merge", "fix", "--yes", "--accept", "run"] + (option.isEmpty ? [] : [option])
        let state =
            "git status --porcelain=v1 -uall; git rev-parse 'HEAD^{tree}'; find . -path ./.git -prune -o -printf '%y %m %l %P\\n' | sort; sha256sum lines kept other"
        let old = try place.sh(state)
        #expect(try place.coop(words).exitCode == 0)
        let new = try place.sh(state)
        #expect(new != old)
        // Every seventh point in a short run.
        let step = getenv("COOP_TEST_EVERY_KILL") == nil ? 7 : 1
        var (point, wasOld, wasNew) = (1, 0, 0)
        while point < 2000 {
            try place.sh(
                "cd / && rm -rf \(place.project) \"$COOP_HOME\" && cp -a \(place.root)/before \(place.project) && cp -a \(place.root)/home-before \"$COOP_HOME\""
            )
            let outcome = try place.coop(words, environment: ["COOP_TEST_KILL_AT": String(point)])
            if outcome.signal == 0 {
                #expect(outcome.exitCode == 0, "\(outcome)")
                break
            }
            let list = try place.coop(["task", "list", "--json"])
            #expect(list.exitCode == 0, "\(point): \(list)")
            let now = try place.sh(state)
            #expect(now == old || now == new, "\(point): \(now)")
            if now == old { wasOld += 1 } else { wasNew += 1 }
            #expect(try place.merges() == [], "\(point)")
            #expect(!place.exists(".git/index.lock"), "\(point)")
            #expect(try place.git("fsck", "--no-dangling") == "")
            if now == new { #expect(list.output.contains("\"merged\""), "\(point): \(list)") }
            // And it can be done again.
            if point % 4 == 0 {
                #expect(try place.coop(words).exitCode == 0)
                #expect(try place.sh(state) == new, "\(point)")
            }
            point += step
        }
        #expect(wasOld > 5 && wasNew > 0, "\(wasOld) \(wasNew)")
    }

    @Test("on a full disk everything stays as it was, and nothing is left over", .enabled(if: getuid() == 0), arguments: TestIdentity.all)
    func fullDisk(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        // Everything on a small disk, in a mount namespace of its own; each round leaves a little more room.
        let script = """
            export COOP_HOME="$1/c" HOME="$1"; mkdir "$1/p"; cd "$1/p"
            git init -q -b trunk . && git config user.name A && git config user.email a@example.org && git config gc.auto 0
            echo 1 > a; echo 1 > gone; git add .; git commit -qm first
            "$2" run --network none --task fix -- sh -ec 'i=0; while [ $i -lt 12 ]; do head -c 40000 /dev/urandom > big$i; i=$((i + 1)); done
              echo 2 > a; git rm -q gone; git add -A; git commit -qm big' || exit 8
            state() { git status --porcelain; git rev-parse HEAD; find . -path ./.git -prune -o -printf '%y %s %P\\n' | sort; ls "$COOP_HOME/state/merge" .git; }
            mkdir -p "$COOP_HOME/state/merge"; state > ../before; room=0; failures=0
            while [ $room -lt 4000 ]; do
              rm -f "$1/fill"; free=$(df --output=avail -k "$1" | tail -1); head -c $(( (free - room) * 1024 )) /dev/zero > "$1/fill"
              if "$2" task merge fix --yes > /dev/null 2> /dev/shm/side-$$; then rm -f "$1/fill" /dev/shm/side-$$; break; fi
              grep -q '^Next: ' /dev/shm/side-$$ || { cat /dev/shm/side-$$; exit 7; }
              failures=$((failures + 1)); rm -f "$1/fill"; "$2" task list > /dev/null || exit 6
              state > ../after; cmp ../before ../after || { diff ../before ../after; cat /dev/shm/side-$$; exit 5; }
              room=$((room + 64)); rm -f /dev/shm/side-$$
            done
            git status --porcelain; git log -1 --format=%s; ls | wc -l; [ $failures -gt 3 ] && echo failed before
            """
        let outcome = try ChildProcess(
            [
                "/usr/bin/unshare", "-m", "/bin/sh", "-ec",
                "mkdir -p \"$1\"; mount -t tmpfs -o size=40m,mode=700,uid=\(identity.user),gid=\(identity.group) none \"$1\"; shift; exec \"$@\"",
                "sh", place.root + "/disk",
            ] + identity.arguments(["/bin/sh", "-c", script, "sh", place.root + "/disk", try BuiltPrograms.coop()]),
            environment: place.environment, directory: "/"
        ).wait(timeout: 300)
        #expect(outcome.exitCode == 0 && outcome.output == "big\n13\nfailed before\n", "\(outcome)")
    }
}

extension Sandboxed {
    /// Runs lines of sh(1) on the host, and returns what they print.
    @discardableResult
    func sh(_ script: String) throws -> String {
        let outcome = try outside(["/bin/sh", "-ec", script])
        guard outcome.exitCode == 0 else { throw TestSupportError("\(script): \(outcome)") }
        return outcome.output
    }

    /// Everything in the project, git's own directory too: kinds, modes, times and contents.
    func bytes() throws -> String {
        try sh("find . -printf '%y %m %T@ %l %P\\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum")
    }

    /// What merges have left of their own files; what begins with a dot was being made, and goes when it is a minute old.
    func merges() throws -> [String] {
        let directory = coopHome + "/state/merge"
        return FileSystem.kind(directory) == nil ? [] : try FileSystem.list(directory).filter { !$0.hasPrefix(".") }
    }
}
