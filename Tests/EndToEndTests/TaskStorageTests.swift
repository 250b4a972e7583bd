import LinuxKernel
import TestSupport
import Testing

/// Repositories that are stored in other ways than most: a task is made, committed to and merged as plain git would.
@Suite struct TaskStorageTests {
    private let anyone = TestIdentity.ordinary.last ?? .root

    struct Kind: Sendable, CustomStringConvertible {
        var description: String
        var initial = ""
        /// In the repository, before the task is made.
        var prepare = "true"
        /// In the task.
        var work = "true"
        /// On the base meanwhile.
        var meanwhile = "true"
        /// Where the user stands, below the top.
        var directory = ""
        /// What both print for the state of the index.
        var look = "true"
    }

    static let kinds = [
        Kind(description: "SHA-256", initial: "--object-format=sha256", look: "git rev-parse --show-object-format"),
        Kind(
            description: "index version 4", prepare: "git config index.version 4; git update-index --index-version 4",
            look: "od -An -tu1 -j4 -N4 .git/index"),
        Kind(description: "split index", prepare: "git config core.splitIndex true; git update-index --split-index"),
        Kind(description: "many files", prepare: "git config feature.manyFiles true; git update-index --untracked-cache || true"),
        Kind(
            description: "LFS",
            prepare: """
                git config filter.lfs.clean cat; git config filter.lfs.smudge cat; git config filter.lfs.required true
                echo '*.bin filter=lfs diff=lfs merge=lfs -text' > .gitattributes; printf 'version https://git-lfs\\noid sha256:1\\nsize 1\\n' > a.bin
                git add .; git commit -qm lfs
                """,
            work: "printf 'version https://git-lfs\\noid sha256:2\\nsize 2\\n' > a.bin; cp a.bin b.bin",
            look: "cat a.bin b.bin; git check-attr filter b.bin"),
        Kind(
            description: "below the top",
            prepare:
                "mkdir -p part/deep; printf 'name = \"part\"\\n' > part/coop.toml; echo x > part/deep/x; git add .; git commit -qm part",
            work: "test \"$(basename \"$PWD\")\" = part; echo y > deep/y; echo z > ../above", directory: "part"),
        Kind(
            description: "ignoring case", prepare: "git config core.ignorecase true",
            work: "echo a > Name; echo b > other; git add Name other",
            meanwhile: "echo c > THIRD", look: "git config core.ignorecase"),
        Kind(
            description: "a submodule",
            prepare: """
                git init -q ../sub; git -C ../sub -c user.name=S -c user.email=s@e commit -q --allow-empty -m s
                git -c protocol.file.allow=always submodule --quiet add ../sub lib; git commit -qm lib
                """,
            work: "git update-index --cacheinfo 160000,$(git rev-parse HEAD),lib; git commit -qm moved",
            look: "git submodule status --cached | cut -c1-41; ls -A lib"),
        Kind(
            description: "shallow",
            prepare: "for i in 1 2 3; do echo $i >> first; git commit -qam $i; done; git rev-parse HEAD~1 > .git/shallow",
            look: "git log --format=%s | tail -1; cat .git/shallow"),
    ]

    @Test("a task is made, committed to and merged", arguments: kinds)
    func like(_ kind: Kind) throws {
        let place = try Sandboxed(anyone)
        try place.sh(
            """
            git init -q -b trunk \(kind.initial) . && git config user.name Ada && git config user.email ada@example.org
            printf '1\\n2\\n3\\n4\\n5\\n' > lines; echo first > first; git add .; git commit -qm first
            \(kind.prepare)
            """)
        let directory = kind.directory.isEmpty ? place.project : place(kind.directory)
        let worked = try place.coop(
            [
                "run", "--task", "fix", "--", "sh", "-ec",
                """
                git status --porcelain; \(kind.work); cd "$(git rev-parse --show-toplevel)"; echo 6 >> lines; git add -A .; git commit -qm one
                echo two > two; git add two; git commit -qm two; git fsck --no-dangling
                """,
            ], directory: directory)
        #expect(worked.exitCode == 0 && worked.output == "" && !worked.error.contains("stays"), "\(worked)")
        #expect(try place.git("-C", place.root, "--git-dir=\(place.project)/.git", "log", "-1", "--format=%s", "coop/fix") == "two")
        let tree = try place.coop(["task", "path", "fix"], directory: directory).output.dropLast()
        #expect(try place.git("-C", String(tree), "status", "--porcelain", "--ignore-submodules=all") == "")
        try place.sh("sed -i '1s/.*/0/' lines; \(kind.meanwhile); git add -A .; git commit -qm mine")

        let look = "\(TaskMergeTests.look); \(kind.look); git fsck --no-dangling"
        try place.sh("cp -a \"$PWD\" ../plain && cd ../plain && rm -rf .git/worktrees && git merge -q --no-edit coop/fix")
        let expected = try place.sh("cd ../plain && \(look)")
        let merged = try place.coop(["task", "merge", "fix", "--yes", "--accept", "**"], directory: directory)
        #expect(merged.exitCode == 0, "\(merged)")
        #expect(try place.sh(look) == expected)
        // And git goes on as if it had done it.
        #expect(
            try place.sh("git status --porcelain --ignore-submodules=all; echo 7 >> lines; git commit -qam after; git log --format=%s -1")
                == "after\n")
        let removed = try place.coop(["task", "rm", "fix"], directory: directory)
        #expect(removed.exitCode == 0, "\(removed)")
        try place.expectClean()
    }

    @Test("where case does not count, a task's branch is not one that differs only in case")
    func branches() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try place.sh("git config core.ignorecase true; git branch coop/Fix")
        let refused = try place.task("fix", "true")
        #expect(refused.exitCode == 125 && refused.error.contains("differs only in case"), "\(refused)")
        #expect(try place.leftovers() == [])
    }
}
