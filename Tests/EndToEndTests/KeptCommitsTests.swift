import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What a session commits and the repository does not take is never lost: the good part arrives, the rest is kept until the user removes it.
@Suite struct KeptCommitsTests {
    private let anyone = TestIdentity.ordinary.last ?? .root

    /// Two good commits, and one on top whose tree git refuses (git-fsck(1), `hasDotgit`).
    private static let bad = """
        for i in 1 2; do echo $i > $i; git add $i; git commit -qm good$i; done
        blob=$(echo work | git hash-object -w --stdin); inner=$(printf '100644 blob %s\\tfile\\n' $blob | git mktree)
        top=$( { git ls-tree HEAD; printf '100644 blob %s\\twork\\n040000 tree %s\\t.git\\n' $blob $inner; } | git mktree)
        git reset -q --soft $(git commit-tree $top -p HEAD -m bad); echo work > work
        """

    /// The session whose commits are kept.
    private func kept(_ place: Sandboxed) throws -> String {
        let list = try place.coop(["commits", "list"])
        #expect(list.exitCode == 0 && list.output.contains("hasDotgit"), "\(list)")
        return list.output.split(separator: "\n").first.map(String.init) ?? ""
    }

    @Test("a commit that git refuses is kept with its session, what is before it arrives, and a bundle gives it back")
    func refused() throws {
        for identity in TestIdentity.all {
            let place = try Sandboxed(identity)
            try place.makeRepository()
            let outcome = try place.task("fix", KeptCommitsTests.bad)
            #expect(
                outcome.exitCode == 0 && outcome.error.contains("was not taken over") && outcome.error.contains("coop commits"),
                "\(outcome)")
            // The files are there, as changes that are not committed.
            #expect(try place.git("log", "--format=%s", "coop/fix") == "good2\ngood1\nfirst")
            #expect(try place.git("-C", place.tree("fix"), "status", "--porcelain") == "?? work")
            #expect(try place.git("fsck", "--strict", "--no-dangling") == "" && place.remains() == [])
            let session = try kept(place)
            #expect(try place.coop(["task", "list"]).error.contains("commits of \(session) have not arrived"))
            #expect(try place.said(["task", "list", "--json"]).filter { !$0.isWhitespace }.contains("\"keptCommits\":[\"\(session)\"]"))

            // The fault is still there, and so are the commits.
            let again = try place.coop(["commits", "import", String(session.prefix(4))])
            #expect(again.exitCode == 1 && again.error.contains("coop commits bundle"), "\(again)")
            // Neither the task nor the project goes with them.
            #expect(try place.coop(["task", "rm", "--force", "fix"]).exitCode == 0)
            let project = try place.coop(["project", "rm", "--yes", place.project])
            #expect(project.exitCode == 4 && project.error.contains("coop commits"), "\(project)")
            let bundle = try place.coop(["commits", "bundle", "work.bundle"])
            #expect(bundle.exitCode == 0 && bundle.output.contains("git fetch work.bundle"), "\(bundle)")
            #expect(try place.coop(["commits", "bundle", "work.bundle"]).exitCode == 1)
            try place.sh("git fetch -q work.bundle 'refs/heads/*:refs/recovered/*'; rm work.bundle")
            #expect(try place.git("log", "--format=%s", "refs/recovered/coop/fix") == "bad\ngood2\ngood1\nfirst")
            #expect(try place.git("show", "refs/recovered/coop/fix:.git/file") == "work")
            // Only its user removes it.
            let unasked = try place.coop(["commits", "rm", session])
            #expect(unasked.exitCode == 126 && unasked.error.contains("coop commits rm --yes \(session)"), "\(unasked)")
            #expect(try kept(place) == session)
            #expect(try place.coop(["commits", "rm", "--yes", session]).exitCode == 0)
            #expect(try place.coop(["commits", "list"]).output.hasPrefix("All commits"))
            #expect(try place.coop(["commits", "import"]).exitCode == 1)
            #expect(try place.coop(["project", "rm", "--yes", place.project]).exitCode == 0)
        }
    }

    @Test(
        "in the user's own tree and in an overlay too, and for a tag, a stash and a HEAD without a branch", arguments: ["bind", "overlay"])
    func elsewhere(_ mode: String) throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let outcome = try place.shell(
            KeptCommitsTests.bad
                + "; git tag bad; git update-ref refs/notes/bad HEAD; git checkout -q --detach; git update-ref -d refs/heads/main",
            options: ["--workspace", mode])
        #expect(outcome.exitCode == 0 && outcome.error.contains("coop commits"), "\(outcome)")
        _ = try kept(place)
        #expect(try place.git("fsck", "--strict", "--no-dangling") == "" && place.remains() == [])
        let reasons = try place.coop(["commits", "list", "--json"]).output
        for name in ["refs/tags/bad", "refs/notes/bad", "HEAD"] { #expect(reasons.contains("\(name) "), "\(name): \(reasons)") }
        #expect(try place.coop(["commits", "bundle", place.root + "/work.bundle"]).exitCode == 0)
        try place.sh("git fetch -q ../work.bundle 'refs/tags/*:refs/recovered/*'")
        #expect(try place.git("log", "--format=%s", "refs/recovered/bad") == "bad\ngood2\ngood1\nfirst")
    }

    @Test("a git directory that was destroyed inside keeps no later command busy, and what is left of it stays")
    func destroyed() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let outcome = try place.task("fix", "echo a > a; git add a; git commit -qm a; rm -f \"$(git rev-parse --git-dir)/HEAD\"; sleep 1")
        #expect(outcome.error.contains("git inside could not list its references"), "\(outcome)")
        // The next command tries once more, and then lets it rest.
        #expect(try place.coop(["task", "list"]).error.contains("is kept"))
        let list = try place.coop(["task", "list"])
        #expect(!list.error.contains("is kept") && list.error.contains("have not arrived"), "\(list)")
        #expect(try place.remains() == [])
        #expect(try place.coop(["commits", "list"]).output.contains("git inside could not list its references"))
    }

    @Test("killed at any point while commits are put by, they are kept once, and nothing else is left")
    func killed() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        _ = try place.task("fix", "true")
        try place.sh("cp -a \"$PWD\" ../before; cp -a \"$COOP_HOME\" ../home-before")
        let step: Int32 = getenv("COOP_TEST_EVERY_KILL") == nil ? 5 : 1
        var (point, wasKept): (Int32, Bool) = (1, false)
        while point < 400 {
            try place.sh(
                "cd / && rm -rf \(place.project) \"$COOP_HOME\" && cp -a \(place.root)/before \(place.project) && cp -a \(place.root)/home-before \"$COOP_HOME\""
            )
            let outcome = try place.coop(
                ["run", "--task", "fix", "--", "sh", "-ec", KeptCommitsTests.bad], environment: ["COOP_TEST_KILL_AT": String(point)])
            try Deadline.poll(seconds: 30) { try place.processes().isEmpty }
            let list = try place.coop(["commits", "list"])
            #expect(list.exitCode == 0 && list.output.split(separator: "\n").count { !$0.hasPrefix(" ") } == 1, "\(point): \(list)")
            if outcome.signal != SIGKILL || list.output.contains("hasDotgit") {
                wasKept = true
                #expect(list.output.contains("hasDotgit"), "\(point): \(list)")
                #expect(try place.coop(["commits", "bundle", place.root + "/\(point).bundle"]).exitCode == 0, "\(point)")
                #expect(try place.sh("git bundle list-heads ../\(point).bundle").contains("coop/fix"), "\(point)")
            }
            try place.expectClean("\(point)")
            if outcome.signal != SIGKILL { break }
            point += step
        }
        #expect(wasKept && point > 5 && point < 400, "\(point)")
    }

    @Test("no room in the repository: nothing is lost, and it arrives once there is", .enabled(if: getuid() == 0))
    func full() throws {
        let place = try Sandboxed(.root)
        let outcome = try place.outside(
            [
                "unshare", "-m", "/bin/sh", "-c",
                """
                mkdir "$HOME/small" && mount -t tmpfs -o size=8m none "$HOME/small" && cd "$HOME/small" && git init -q -b main p && cd p
                git config user.name n; git config user.email e@example.org; git commit -q --allow-empty -m first
                coop='\(try BuiltPrograms.coop())'; "$coop" run --task fix -- true || exit 9
                head -c 7000000 /dev/zero > ../fill
                "$coop" run --task fix -- sh -ec 'head -c 3000000 /dev/urandom > big; git add big; git commit -qm big' || exit 8
                "$coop" commits list | grep -c refs/heads/coop/fix; git log -1 --format=%s coop/fix; rm ../fill
                "$coop" commits import && git log -1 --format=%s --glob='refs/coop/*'; "$coop" commits list; git fsck --no-dangling
                """,
            ], timeout: 300)
        #expect(
            outcome.exitCode == 0 && outcome.output.hasPrefix("1\nfirst\nThe commits of session ")
                && outcome.output.contains(" have arrived.\nbig\nAll commits"), "\(outcome)")
    }
}
