import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What becomes of the changes in an overlay when something else happens: the project goes or moves, a command is cut off, the session goes on.
@Suite struct OverlayWorkTests {
    private static let anyone = TestIdentity.ordinary.first ?? .root
    private static let overlay = ["--workspace", "overlay", "--network", "none"]

    private func tree(_ place: Sandboxed, _ directory: String = ".") throws -> String {
        let script =
            #"cd "$0" && find . -mindepth 1 -path ./.git -prune -o -printf '%p %y %m %l\n' | sort && find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 md5sum"#
        return try place.outside(["/bin/sh", "-c", script, directory]).output
    }

    private func place(_ identity: TestIdentity = anyone, doing script: String) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        for name in ["docs/x", "docs/deep/y", "src/a", "src/b", "keep/this"] { try place.write(name, name + "\n") }
        let outcome = try place.shell(script, options: Self.overlay)
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        return place
    }

    @Test("a directory that was moved is moved in the tree, once", arguments: TestIdentity.all)
    func movedDirectory(_ identity: TestIdentity) throws {
        let place = try place(identity, doing: "mv docs handbook && echo z > handbook/z")
        let before = try tree(place)
        #expect(try place.coop(["apply", "--yes"]).exitCode == 0)
        let after = try tree(place)
        #expect(try place.text("handbook/deep/y") == "docs/deep/y\n" && place.text("handbook/z") == "z\n" && !place.exists("docs"))
        // It is the base now: nothing is left, and nothing is to be removed.
        #expect(try place.coop(["diff", "--name-only"]).exitCode == 1)
        #expect(try place.coop(["apply", "--yes"]).exitCode == 1)
        #expect(try tree(place) == after)
        #expect(try place.coop(["undo"]).exitCode == 0)
        #expect(try tree(place) == before)
        #expect(try place.coop(["apply", "--yes"]).exitCode == 0)
        #expect(try tree(place) == after)
    }

    @Test("a link takes the place of a full directory, and a full directory that of a link, there and back", arguments: TestIdentity.all)
    func linksAndDirectories(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for name in ["docs/x", "docs/deep/y", "src/a"] { try place.write(name, name + "\n") }
        try place.link("link", to: "src")
        let before = try tree(place)
        let outcome = try place.shell(
            "rm -r docs; ln -s src docs; rm link; mkdir -p link/deep; echo n > link/a; echo n > link/deep/n", options: Self.overlay)
        #expect(outcome.exitCode == 0, "\(outcome)")
        let applied = try place.coop(["apply", "--yes", "--accept", "**"])
        #expect(applied.exitCode == 0, "\(applied)")
        #expect(FileSystem.readLink(place("docs")) == "src" && FileSystem.kind(place("link"), followLinks: false) == .directory)
        #expect(try place.text("link/a") == "n\n" && place.text("link/deep/n") == "n\n" && place.text("src/a") == "src/a\n")
        let after = try tree(place)
        let undone = try place.coop(["undo"])
        #expect(undone.exitCode == 0, "\(undone)")
        #expect(try tree(place) == before)
        #expect(try place.coop(["undo", "--redo"]).exitCode == 0)
        #expect(try tree(place) == after)
    }

    @Test("root's move of a directory waits for the end of the session, which still reads from the old place")
    func movedWhileItRuns() throws {
        guard getuid() == 0 else { return }
        let place = try Sandboxed(.root)
        for name in ["docs/x", "src/a"] { try place.write(name, name + "\n") }
        let session = try place.start(
            ["run"] + Self.overlay + [
                "--name", "work", "--", "sh", "-c", "mv docs handbook; echo b > src/b; echo ready; read x; cat handbook/x",
            ],
            input: .pipe)
        #expect(try session.waitForOutput("ready"), "\(session.errorText)")
        let before = try tree(place)
        for paths in [[], ["handbook"], ["docs"]] {
            let refused = try place.coop(["apply", "--yes", "work"] + paths)
            #expect(
                refused.exitCode == 4 && refused.error.contains("handbook was moved there from docs as a whole"), "\(paths): \(refused)")
        }
        #expect(try tree(place) == before)
        #expect(try place.coop(["apply", "--yes", "work", "src"]).exitCode == 0)
        try session.send("go\n")
        #expect(try session.wait().output.hasSuffix("docs/x\n"))
        #expect(try place.coop(["apply", "--yes", "work"]).exitCode == 0)
        #expect(try place.text("handbook/x") == "docs/x\n" && !place.exists("docs"))
    }

    @Test("what belongs to others is named at the start, since it cannot be changed", .enabled(if: getuid() == 0))
    func foreign() throws {
        let place = try Sandboxed(Self.anyone)
        try place.sh("mkdir shared; echo a > shared/a; echo b > b")
        let quiet = try place.shell("rm shared/a", options: ["--workspace", "overlay"])
        #expect(quiet.exitCode == 0 && !quiet.error.contains("belong"), "\(quiet)")
        #expect(lchown(place("shared/a"), 0, 0) == 0)
        let outcome = try place.shell("rm shared/a; echo c > b", options: ["--workspace", "overlay"])
        #expect(outcome.error.contains("1 path belongs to another user or group") && outcome.error.contains("shared/a"), "\(outcome)")
    }

    @Test("a project with changes that were not applied is not forgotten")
    func forgottenProject() throws {
        let place = try place(doing: "echo change > src/a")
        let refused = try place.coop(["project", "rm", "--yes", place.project])
        #expect(
            refused.exitCode == 4 && refused.error.contains("holds changes that were not applied")
                && refused.error.contains("Next: coop diff "))
        #expect(try place.coop(["apply", "--yes"]).exitCode == 0)
        #expect(try place.text("src/a") == "change\n")
        #expect(try place.coop(["project", "rm", "--yes", place.project]).exitCode == 0)
    }

    @Test("changes go along with a project that was renamed, or copied and given what the old one had", arguments: [false, true])
    func movedProject(copied: Bool) throws {
        // What is removed is not kept beside the base: in a copy, whose files have other times, nobody can tell whether it is still the same.
        let place = try place(doing: "echo change > src/a; echo new > new" + (copied ? "" : "; rm src/b"))
        let other = place.root + "/other"
        let moved = try place.outside([
            "/bin/sh", "-c", copied ? "cp -r . ../other && cd .. && mv project gone" : "cd .. && mv project other",
        ])
        #expect(moved.exitCode == 0, "\(moved)")
        defer { try? FileSystem.rename(copied ? place.root + "/gone" : other, to: place.project) }
        if copied { #expect(try place.coop(["project", "move", place.project], directory: other).exitCode == 0) }
        let shown = try place.coop(["diff", "--name-only"], directory: other)
        #expect(shown.output == "new\nsrc/a\n" + (copied ? "" : "src/b\n"), "\(shown)")
        #expect(try place.coop(["diff"], directory: other).output.contains("-src/a\n+change\n"))
        let applied = try place.coop(["apply", "--yes"], directory: other)
        #expect(applied.exitCode == 0, "\(applied)")
        #expect(try place.text(other + "/src/a") == "change\n" && place.text(other + "/new") == "new\n")
        #expect(place.exists(other + "/src/b") == copied)
        #expect(try place.coop(["undo"], directory: other).exitCode == 0)
        #expect(try place.text(other + "/src/a") == "src/a\n" && place.exists(other + "/src/b"))
    }

    @Test("what excluded directories hold stays where it is, on both sides", arguments: TestIdentity.all)
    func excluded(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for name in ["web/node_modules/mine/index.js", "web/app.js", "target/built", "src/a"] { try place.write(name, name + "\n") }
        try place.configure("[sandbox]\nexcludes = [\"web/node_modules\", \"target\", \"fresh/node_modules\"]\n")
        let before = try tree(place)
        let outcome = try place.shell(
            """
            ls -A web/node_modules target fresh/node_modules; mkdir web/node_modules/theirs; echo x > web/node_modules/theirs/index.js
            echo x > target/built; echo y > target/other; echo z > fresh/node_modules/z; echo more >> web/app.js; rm -rf target 2>/dev/null
            """, options: Self.overlay)
        #expect(!outcome.output.contains("mine") && !outcome.output.contains("built"), "\(outcome)")
        #expect(try tree(place) == before)
        #expect(try place.coop(["diff", "--name-only"]).output == "web/app.js\n")
        #expect(try place.coop(["apply", "--yes"]).exitCode == 0)
        #expect(try place.text("web/node_modules/mine/index.js") == "web/node_modules/mine/index.js\n")
        #expect(try place.text("target/built") == "target/built\n" && place.text("web/app.js") == "web/app.js\nmore\n")
        #expect(!place.exists("fresh") && !place.exists("web/node_modules/theirs") && !place.exists("target/other"))
    }

    @Test("an apply that is interrupted leaves the old tree or the new one, and nothing in between")
    func interrupted() throws {
        let place = try place(
            doing:
                "rm -r docs; echo change > src/a; python3 -c 'import os\nfor i in range(1500): os.makedirs(f\"made/{i % 50}\", exist_ok=True); open(f\"made/{i % 50}/{i}\", \"w\").write(str(i))'"
        )
        let before = try tree(place)
        try #require(try place.coop(["apply", "--yes"]).exitCode == 0)
        let after = try tree(place)
        try #require(try place.coop(["undo"]).exitCode == 0)
        var seen: Set<String> = []
        // As a terminal sends them: at once, when its contents are being put ready, and when so many directories are in the tree.
        let points: [(signal: Int32, files: Int, directories: Int)] = [
            (SIGINT, 0, 0), (SIGINT, 1, 0), (SIGTERM, 700, 0), (SIGHUP, 1500, 0), (SIGINT, 0, 1), (SIGTERM, 0, 20), (SIGINT, 0, 50),
        ]
        for (signal, files, directories) in points {
            let command = try place.start(["apply", "--yes"])
            let pending = place.coopHome + "/state/landing/pending"
            func isThere() -> Bool {
                let ids = files == 0 ? [] : (try? FileSystem.list(pending)) ?? []
                let staged = ids.first.flatMap { try? FileSystem.list("\(pending)/\($0)/slots").count } ?? 0
                let made = directories == 0 ? 0 : (try? FileSystem.list(place("made")).count) ?? 0
                return staged >= files && made >= directories
            }
            _ = try command.waitUntil { _ in isThere() }
            command.signal(signal)
            let outcome = try command.wait()
            #expect(outcome.exitCode == 0 || outcome.signal == signal, "\(outcome)")
            #expect(try place.coop(["ps"]).exitCode == 0)
            let now = try tree(place)
            #expect(now == before || now == after, "signal \(signal) at \(files), \(directories)")
            seen.insert(now)
            if now == after { #expect(try place.coop(["undo"]).exitCode == 0) }
            #expect(try tree(place) == before)
        }
        #expect(seen.contains(before))
        #expect(try FileSystem.list(place.coopHome + "/state/landing/pending") == [])
        #expect(try place.coop(["apply", "--yes"]).exitCode == 0)
        #expect(try tree(place) == after)
    }

    @Test("with too few descriptors the changes are an error, never fewer than they are", arguments: TestIdentity.all)
    func fewDescriptors(_ identity: TestIdentity) throws {
        let place = try place(
            identity, doing: "mv docs handbook; echo change > src/a; ln -s a src/link; rm src/b; touch keep/this; echo n > keep/n")
        let program = try BuiltPrograms.coop()
        var words: [String: Set<String>] = [:]
        for arguments in ["diff --name-only", "diff", "apply --dry-run"] {
            let whole = try place.coop(arguments.split(separator: " ").map(String.init))
            #expect(whole.exitCode == 0)
            for limit in 4...24 {
                let outcome = try place.outside(["/bin/sh", "-c", "ulimit -n \(limit); exec \(program) \(arguments)"])
                if outcome.exitCode == 0 {
                    #expect(outcome.output == whole.output, "\(arguments) with \(limit): \(outcome)")
                    words[arguments, default: []].insert("whole")
                } else {
                    words[arguments, default: []].insert("error")
                }
            }
            #expect(words[arguments] == ["whole", "error"], "\(arguments)")
        }
    }

    @Test("what lay in a directory that could not be read is in doubt, and nothing of it is removed", arguments: TestIdentity.ordinary)
    func unread(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for name in ["locked/gone", "locked/kept", "src/a"] { try place.write(name, name + "\n") }
        let locked = try place.outside(["chmod", "300", "locked"])
        #expect(locked.exitCode == 0)
        defer { _ = try? place.outside(["chmod", "700", "locked"]) }
        let outcome = try place.shell("rm locked/gone; echo new > locked/new; echo change > src/a", options: Self.overlay)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.coop(["diff", "--name-only"]).output.contains("locked/gone\n"))
        let applied = try place.coop(["apply", "--yes"])
        #expect(applied.exitCode == 1 && applied.error.contains("locked/gone: "), "\(applied)")
        #expect(place.exists("locked/gone") && !place.exists("locked/new"))
        #expect(try place.coop(["apply", "--yes", "src", "locked/new"]).exitCode == 0)
        #expect(place.exists("locked/gone") && place.exists("locked/new"))
    }

    @Test("a task is shown against its base, with what is not committed; work in one's own tree is git's to show")
    func tasks() throws {
        let place = try Sandboxed(OverlayWorkTests.anyone)
        for name in ["f", "dir/x", "y", "same"] { try place.write(name, "one\ntwo\n") }
        let made = try place.outside([
            "/bin/sh", "-c",
            "git init -q -b main . && git config user.name T && git config user.email t@example.org && git add . && git commit -qm one",
        ])
        #expect(made.exitCode == 0, "\(made)")
        let outcome = try place.task(
            "fix",
            """
            set -e
            echo three >> f; echo taken back >> same; git commit -qam first; printf 'one\\ntwo\\n' > same; echo dirty >> y; git rm -q dir/x
            printf 'new\\033[2J\\n' > new; ln -s /etc/passwd link; git init -q nested; mkfifo pipe
            """)
        #expect(outcome.exitCode == 0, "\(outcome)")
        let stat = try place.coop(["diff", "fix", "--stat"])
        #expect(stat.exitCode == 0, "\(stat)")
        for line in [" f      | 1 +\n", " dir/x  | 2 --\n", " y      | 1 +\n", " new    | 1 +\n", " link   | 1 +\n"] {
            #expect(stat.output.contains(line), "\(stat)")
        }
        #expect(!stat.output.contains("same") && stat.output.contains("nested"), "\(stat)")
        let text = try place.coop(["diff", "fix"]).output
        #expect(
            text.contains("+three\n") && text.contains("+dirty\n") && text.contains("+/etc/passwd\n") && !text.contains("root:"), "\(text)")
        #expect(try place.coop(["diff", "fix", "dir"]).output.contains("-one\n-two\n"))
        let json = try place.coop(["diff", "fix", "--json", "f"])
        #expect(json.output.contains("\"task\" : \"fix\"") && !json.output.contains("\"session\""), "\(json)")
        // Without a name it is told how.
        let unnamed = try place.coop(["diff"])
        #expect(unnamed.exitCode == 1 && unnamed.error.contains("Next: coop diff fix"), "\(unnamed)")
        let applied = try place.coop(["apply", "fix"])
        #expect(applied.exitCode == 1 && applied.error.contains("Next: coop task merge fix"), "\(applied)")
        // What was merged is no difference any more, however it was merged.
        #expect(try place.coop(["task", "merge", "fix", "--yes", "--squash"]).exitCode == 0)
        let rest = try place.coop(["diff", "fix", "--name-only"]).output.split(separator: "\n")
        #expect(!rest.contains("f") && rest.contains("y") && rest.contains("dir/x"), "\(rest)")

        let own = try place.coop(["run", "-d", "--name", "own", "--network", "none", "--", "sleep", "1000"])
        #expect(own.exitCode == 0, "\(own)")
        let shown = try place.coop(["diff", "own"])
        #expect(
            shown.exitCode == 1 && shown.error.contains("it worked in your own tree") && shown.error.contains("Next: git diff"), "\(shown)")
        #expect(try place.coop(["stop", "own"]).exitCode == 0)
        let session = try place.coop(["run", "-d", "--task", "fix", "--name", "again", "--network", "none", "--", "sleep", "1000"])
        #expect(session.exitCode == 0, "\(session)")
        #expect(try place.coop(["diff", "again", "--name-only"]).output.split(separator: "\n") == rest)
        #expect(try place.coop(["stop", "again"]).exitCode == 0)
    }

    @Test("an overlay that cannot be made leaves no directory of its session", arguments: ["cannot be read", "is not there"])
    func failedStart(_ why: String) throws {
        let place = try Sandboxed(Self.anyone)
        try place.makeRepository()
        try FileSystem.removeFile(place(".git/config"))
        if why == "cannot be read" {
            try place.makeDirectory(".git/config")
        } else {
            try FileSystem.removeTree(place(".git"))
            try place.write(".git", "gitdir: /nonexistent\n")
        }
        let outcome = try place.run(["true"], options: Self.overlay)
        #expect(outcome.exitCode == 125, "\(outcome)")
        let projects = try FileSystem.list(place.coopHome + "/projects").filter { !$0.hasPrefix(".") }
        let sessions = projects.map { "\(place.coopHome)/projects/\($0)/sessions" }
        let left = try sessions.flatMap { try FileSystem.list($0) }
        #expect(sessions.count == 1 && left == [])
    }
}
