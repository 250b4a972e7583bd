import Glibc
import LinuxKernel
import TestSupport
import Testing

/// A task against those who would have the host run something, or have the repository say something else: the repository, the caller's
/// environment, and what works inside.
@Suite struct TaskAttackTests {
    private let anyone = TestIdentity.ordinary.last ?? .root

    /// A program that leaves a file where nothing inside can write.
    private func canary(_ place: Sandboxed) throws -> String {
        let path = place.home + "/canary"
        try place.write("../home/canary", "#!/bin/sh\ntouch \(place.root)/ran 2>/dev/null\ncat\nexit 0\n", mode: 0o755)
        return path
    }

    private func ran(_ place: Sandboxed) -> Bool { FileSystem.kind(place.root + "/ran") != nil }

    /// Everything in git's configuration that runs something when a tree is made, looked at or committed to.
    private func plant(_ place: Sandboxed, _ canary: String) throws {
        try place.write(
            "../home/included", "[filter \"third\"]\n\tsmudge = \(canary)\n\tprocess = \(canary)\n[core]\n\tfsmonitor = \(canary)\n")
        let planted = try place.outside([
            "/bin/sh", "-c",
            """
            for name in filter.evil.smudge filter.evil.clean filter.lfs.smudge filter.lfs.clean filter.lfs.process \\
                filter.any.name.process core.fsmonitor core.sshCommand core.editor core.pager core.gitProxy \\
                core.alternateRefsCommand diff.external diff.evil.command diff.evil.textconv merge.evil.driver \\
                credential.helper gpg.program sequence.editor uploadpack.packObjectsHook
            do git config "$name" '\(canary)'; done
            git config filter.evil.required true; git config filter.lfs.required true
            git config include.path "$HOME/included"
            git config extensions.worktreeConfig true
            git config --worktree core.fsmonitor '\(canary)'
            for hook in post-checkout reference-transaction post-index-change pre-commit post-commit pre-auto-gc post-rewrite
            do cp '\(canary)' .git/hooks/$hook; done
            mkdir -p "$HOME/hooks" && cp .git/hooks/* "$HOME/hooks/"
            git config --global core.hooksPath "$HOME/hooks"; git config --global core.fsmonitor '\(canary)'
            git config --global filter.evil.smudge '\(canary)'
            mkdir -p .git/info && echo '* filter=evil diff=evil merge=evil' > .git/info/attributes
            rm -f '\(place.root)/ran'
            """,
        ])
        #expect(planted.exitCode == 0, "\(planted)")
    }

    private func repository(_ place: Sandboxed) throws {
        try place.makeRepository()
        try place.write(".gitattributes", "*.bin filter=lfs\n*.txt filter=evil diff=evil merge=evil\n*.c filter=third\n")
        try place.write("a.txt", "text\n")
        try place.write("a.c", "int a;\n")
        try place.write("a.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0", count: 64))\nsize 1\n")
        _ = try place.git("add", ".")
        _ = try place.git("commit", "-qm", "attributes")
    }

    @Test("nothing that the repository's configuration, hooks and attributes name is run", arguments: TestIdentity.all)
    func configuration(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try repository(place)
        let canary = try canary(place)
        try plant(place, canary)
        // They do run, where git is the user's own.
        _ = try place.git("worktree", "add", "-q", place.root + "/control")
        #expect(ran(place))
        _ = try place.outside([
            "/bin/sh", "-c",
            "rm -rf '\(place.root)/control'; git -c core.fsmonitor= -c core.hooksPath=/dev/null worktree prune; rm -f '\(place.root)/ran'",
        ])

        let outcome = try place.task("fix", "cat a.bin a.txt a.c; echo b > b.txt; git add .; git commit -qm more; git status --short")
        #expect(outcome.exitCode == 0 && outcome.output.hasPrefix("version https"), "\(outcome)")
        #expect(try place.coop(["task", "list"]).output.contains("ahead"))
        #expect(try place.task("fix", "echo c >> a.txt; git commit -qam third; git gc -q").exitCode == 0)
        #expect(try place.coop(["task", "rm", "fix"]).exitCode == 1)
        #expect(try place.coop(["task", "rm", "--force", "fix"]).exitCode == 0)
        #expect(!ran(place))
        #expect(try place.leftovers() == [])
    }

    @Test("the caller's GIT_ variables lead nowhere")
    func variables() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let canary = try canary(place)
        let other = place.home + "/other"
        _ = try place.git("init", "-q", other)
        for (name, value) in [
            ("GIT_DIR", other + "/.git"), ("GIT_WORK_TREE", other), ("GIT_INDEX_FILE", other + "/index"),
            ("GIT_OBJECT_DIRECTORY", other + "/objects"), ("GIT_COMMON_DIR", other + "/.git"), ("GIT_NAMESPACE", "evil"),
            ("GIT_ALTERNATE_OBJECT_DIRECTORIES", other), ("GIT_SSH_COMMAND", canary), ("GIT_EXTERNAL_DIFF", canary), ("GIT_EDITOR", canary),
            ("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "core.fsmonitor"), ("GIT_CONFIG_VALUE_0", canary),
            ("GIT_CONFIG_PARAMETERS", "'core.fsmonitor'='\(canary)'"), ("GIT_EXEC_PATH", place.home), ("GIT_TEMPLATE_DIR", place.home),
            ("GIT_TRACE", place.root + "/ran"), ("GIT_DEFAULT_HASH", "sha256"), ("GIT_CEILING_DIRECTORIES", "/"),
        ] { place.environment[name] = value }
        let outcome = try place.task("fix", "echo two > second; git add second && git commit -qm second && git log --format=%s")
        #expect(outcome.exitCode == 0 && outcome.output == "second\nfirst\n", "\(outcome)")
        let list = try place.coop(["task", "list"])
        #expect(list.exitCode == 0 && list.output.contains("ahead"), "\(list)")
        for name in place.environment.keys where name.hasPrefix("GIT_") { place.environment[name] = nil }
        #expect(try place.git("log", "--format=%s", "coop/fix") == "second\nfirst")
        #expect(!ran(place) && FileSystem.kind(other + "/index") == nil)
    }

    @Test("nothing of the repository but the task's branch can be moved or forged from inside", arguments: TestIdentity.all)
    func forging(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let canary = try canary(place)
        let made = try place.outside([
            "/bin/sh", "-c",
            """
            git tag v1; git branch side; git notes add -m note; git commit -q --allow-empty -m second
            git update-ref refs/coop/other/heads/kept HEAD; git update-ref refs/remotes/origin/main HEAD; git pack-refs --all
            git worktree add -q "$HOME/user-worktree" -b users
            """,
        ])
        #expect(made.exitCode == 0, "\(made)")
        _ = try place.task("fix", "true")
        let before = try place.repositoryState(except: "refs/heads/coop/fix", "refs/coop/[a-z0-9]*/.*")
        let outcome = try place.task(
            "fix",
            """
            git commit -q --allow-empty -m inside
            for name in heads/main heads/side heads/users heads/coop/other tags/v1 tags/v2 notes/commits coop/other/heads/kept \\
                remotes/origin/main replace/$(git rev-parse main) heads/new stash original/x
            do git update-ref refs/$name HEAD; done
            git replace -f main HEAD; git symbolic-ref HEAD refs/heads/main; git symbolic-ref refs/heads/link refs/heads/main
            git symbolic-ref HEAD refs/heads/coop/fix
            d=$(git rev-parse --git-dir)
            for name in core.fsmonitor core.hooksPath core.sshCommand filter.evil.clean; do git config $name '\(canary)'; done
            git config extensions.worktreeConfig true; echo '[core] fsmonitor = \(canary)' > $d/config.worktree
            mkdir -p $d/hooks $d/worktrees/fix; cp /bin/true $d/hooks/post-checkout; echo '* filter=evil' > $d/info/attributes
            echo /etc >> $d/objects/info/alternates
            rm -rf .git; mv .git .git2; ln -sfn /tmp .git; echo 'gitdir: /tmp' > .git
            mv "$PWD" "$PWD"2; rm -rf /run/coop/git/objects/*; echo x > /run/coop/git/objects/x; ls -la $d
            git worktree prune; git gc -q --prune=now; git reflog expire --expire=now --all
            git submodule add "ext::sh -c \(canary)" sub; git submodule add ../../x sub2
            printf '[submodule "../../x"]\\n\\tpath = a\\n\\turl = -u%s\\n' '\(canary)' > .gitmodules; mkdir -p a/.git; echo ref: x > a/.git/HEAD
            mkdir -p a/.git/objects a/.git/refs; printf '[core]\\n\\tfsmonitor = \(canary)\\n' > a/.git/config
            git config --unset filter.evil.clean; git config --unset core.fsmonitor; rm -f $d/config.worktree
            export GIT_NO_REPLACE_OBJECTS=1; git add .gitmodules; git -c core.fsmonitor= -c core.hooksPath=/dev/null commit -qm modules; true
            """)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.repositoryState(except: "refs/heads/coop/fix", "refs/coop/[a-z0-9]*/.*") == before, "\(outcome)")
        #expect(try place.git("rev-parse", "refs/coop/other/heads/kept") == place.git("rev-parse", "main"))
        // A commit that git would obey somewhere else is not let in.
        #expect(outcome.error.contains("disallowed submodule name"), "\(outcome)")
        // What was committed before it is, and it waits where no git of the host's looks.
        #expect(try place.git("log", "--format=%s", "coop/fix") == "inside\nsecond\nfirst", "\(outcome)")
        #expect(try !place.git("log", "--all", "--format=%s").contains("modules"))
        #expect(try place.coop(["commits", "list"]).output.contains("disallowed submodule name"))
        #expect(try place.git("-C", place.home + "/user-worktree", "status", "--porcelain") == "")
        #expect(try place.coop(["task", "list"]).exitCode == 0)
        #expect(try place.git("fsck", "--no-dangling") == "")
        #expect(try place.git("-C", place.tree("fix"), "rev-parse", "--abbrev-ref", "HEAD") == "coop/fix")
        #expect(!ran(place))
        #expect(try place.leftovers() == [])
    }

    @Test("a file `.git` that was exchanged between two sessions is put back, and nothing in its place is obeyed")
    func exchanged() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let canary = try canary(place)
        _ = try place.task("fix", "true")
        let tree = try place.tree("fix")
        let right = try place.outside(["cat", tree + "/.git"]).output
        for swap in [
            "printf 'gitdir: %s/evil/.git\\n' \"$HOME\" > .git", "rm .git; cp -a \"$HOME/evil/.git\" .git",
            "rm .git; ln -s \"$HOME/evil/.git\" .git",
            "rm .git",
        ] {
            let made = try place.outside([
                "/bin/sh", "-c",
                """
                rm -rf "$HOME/evil"; git init -q "$HOME/evil"; git -C "$HOME/evil" -c user.name=n -c user.email=e commit -q --allow-empty -m evil
                git -C "$HOME/evil" config core.fsmonitor '\(canary)'; rm -f '\(place.root)/ran'; cd '\(tree)'; \(swap)
                """,
            ])
            #expect(made.exitCode == 0, "\(made)")
            #expect(try place.coop(["task", "list"]).output.contains("new"))
            #expect(try place.task("fix", "git log --format=%s").output == "first\n", "\(swap)")
            #expect(try place.outside(["cat", tree + "/.git"]).output == right, "\(swap)")
            #expect(!ran(place), "\(swap)")
        }
    }

    @Test("a tree of links and closed directories is removed without touching what they lead to")
    func removal() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        let kept = place.home + "/kept"
        try place.write("../home/kept/file", "x")
        let outcome = try place.task(
            "fix",
            "ln -s \(kept) out; mkdir -p closed/in; touch closed/in/file; chmod 0 closed/in; chmod 500 closed; ln -s . loop; mkfifo pipe")
        #expect(outcome.exitCode == 0, "\(outcome)")
        let tree = try place.tree("fix")
        #expect(try place.coop(["task", "list"]).output.contains("changed"))
        #expect(try place.coop(["task", "rm", "--force", "fix"]).exitCode == 0)
        #expect(FileSystem.kind(tree) == nil && FileSystem.kind(kept + "/file") == .file)
        #expect(try place.leftovers() == [])
    }
}
