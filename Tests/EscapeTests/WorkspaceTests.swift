import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct WorkspaceTests {
    /// A repository with one commit, as the identity would make it.
    private func repository(_ identity: TestIdentity) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.write("file.txt", "one\n")
        let made = try place.outside([
            "/bin/sh", "-c",
            """
            git init -q -b main . && git config user.name T && git config user.email t@example.org && git add . && git commit -q -m one
            """,
        ])
        guard made.exitCode == 0 else { throw TestSupportError("git: \(made.error)") }
        return place
    }

    /// What a host's git would execute, with anything planted in its place.
    private func state(_ place: Sandboxed) throws -> [String] {
        try ["config", "HEAD"].map { try place.text(".git/" + $0) } + FileSystem.list(place(".git/hooks")).sorted()
            + FileSystem.list(place(".git")).sorted().filter {
                !$0.hasPrefix("index") && !["logs", "objects", "refs", "COMMIT_EDITMSG", "ORIG_HEAD"].contains($0)
            }
    }

    @Test("a directory that the session has closed is looked into; one that was closed before stays so", arguments: TestIdentity.ordinary)
    func closed(_ identity: TestIdentity) throws {
        let place = try repository(identity)
        try place.makeDirectory("before")
        #expect(try place.outside(["/bin/sh", "-c", "chmod 0 before"]).exitCode == 0)
        let outcome = try place.shell(
            """
            mkdir -p a/b/evil; cd a/b/evil; git init -q .; git config core.fsmonitor 'touch \(place("executed"))'; cd ../../..; chmod 0 a/b; chmod 0 a
            """)
        #expect(outcome.exitCode == 0 && outcome.error.contains("a/b/evil"), "\(outcome)")
        let status = try place.outside(["/bin/sh", "-c", "stat -c %a before; cd a/b/evil && git status"])
        #expect(status.exitCode == 0 && status.output.hasPrefix("0\n"), "\(status)")
        #expect(!place.exists("executed"))
        #expect(try !place.text("a/b/evil/.git/config").contains("fsmonitor"))
    }

    @Test("hooks, configuration and fsmonitor that are set inside never reach the host's git", arguments: TestIdentity.all)
    func gitSinks(_ identity: TestIdentity) throws {
        let place = try repository(identity)
        let before = try state(place)
        let proof = place("executed")
        let outcome = try place.shell(
            """
            evil() { printf '#!/bin/sh\\ntouch \(proof)\\n' > "$1"; chmod +x "$1"; }
            for h in pre-commit post-checkout post-merge reference-transaction fsmonitor-watchman; do evil .git/hooks/$h; done
            evil evil.sh
            git config core.fsmonitor "$PWD/evil.sh"; git config core.hooksPath "$PWD"; git config diff.external "$PWD/evil.sh"
            git config filter.x.clean "$PWD/evil.sh"; echo '* filter=x' > .gitattributes; git config core.sshCommand "$PWD/evil.sh"
            git config core.worktree /; echo gitdir: /nowhere > .git/worktree; mkdir -p .git/info; echo '*' > .git/info/exclude
            echo /etc > .git/objects/info/alternates; echo done
            """)
        #expect(outcome.output.contains("done"), "\(outcome)")
        try? FileSystem.removeFile(proof)
        #expect(try state(place) == before)
        let status = try place.outside(["git", "-c", "core.pager=cat", "status", "--short"])
        #expect(status.exitCode == 0, "\(status)")
        _ = try place.outside(["git", "diff"])
        #expect(!place.exists("executed"))
    }

    @Test("without the private git directory the host's git would run what was planted", arguments: TestIdentity.all)
    func gitControl(_ identity: TestIdentity) throws {
        let place = try repository(identity)
        let omission = ["COOP_TEST_OMIT": "bind=\(place.coopHome)/run;read-only;pin;mask=\(place.project)"]
        let script = "git config core.fsmonitor 'touch \(place("executed"))'; mv .git .git2 && mv .git2 .git && echo moved"
        let outcome = try place.shell(script, environment: omission)
        #expect(outcome.output.contains("moved"), "\(outcome)")
        _ = try place.outside(["git", "status"])
        #expect(place.exists("executed"), "\(outcome)")
    }

    @Test("without their protection the settings of editors could be changed", arguments: TestIdentity.all)
    func editorControl(_ identity: TestIdentity) throws {
        let place = try repository(identity)
        try place.write(".vscode/settings.json", "{}")
        let omission = ["COOP_TEST_OMIT": "read-only=\(place.project);pin=\(place.project)"]
        let outcome = try place.shell("printf evil > .vscode/settings.json", environment: omission)
        let text = try place.text(".vscode/settings.json")
        #expect(text == "evil", "\(outcome)")
    }

    @Test(".git cannot be moved, removed or replaced", arguments: TestIdentity.all)
    func gitDirectory(_ identity: TestIdentity) throws {
        let place = try repository(identity)
        let before = try state(place)
        let outcome = try place.shell(
            "mv .git .git2; echo $?; rmdir .git; echo $?; rm -rf .git 2>/dev/null; mkdir -p .git; ln -sfn /etc .git; ls -d .git2; echo end")
        #expect(outcome.output.contains("end") && !outcome.output.contains("0\n") && !outcome.output.contains(".git2\n"), "\(outcome)")
        #expect(try state(place) == before && !place.exists(".git2"))
    }

    @Test("settings that editors and agents execute cannot be changed, nor made", arguments: TestIdentity.all)
    func editors(_ identity: TestIdentity) throws {
        let place = try repository(identity)
        try place.write(".vscode/settings.json", "{}")
        try place.write(".claude/settings.json", "{}")
        let outcome = try place.shell(
            """
            echo evil > .vscode/settings.json; echo evil > .vscode/tasks.json; echo evil > .claude/settings.json
            mv .vscode .old; rm -rf .claude; mkdir -p .idea .cursor .devcontainer; echo evil > .idea/workspace.xml; echo evil > .cursor/mcp.json
            echo evil > .devcontainer/devcontainer.json; echo end
            """)
        #expect(outcome.output.contains("end"), "\(outcome)")
        #expect(try place.text(".vscode/settings.json") == "{}" && place.text(".claude/settings.json") == "{}")
        for path in [".vscode/tasks.json", ".old", ".idea", ".cursor", ".devcontainer"] { #expect(!place.exists(path), "\(path)") }
        #expect(try place.remains() == [])
    }

    @Test("a coop.toml that the sandbox writes asks for nothing without approval", arguments: TestIdentity.all)
    func configuration(_ identity: TestIdentity) throws {
        let place = try repository(identity)
        try place.write(place.root + "/secret/file", "precious\n")
        let line = "name = \"x\"\n[sandbox]\nmounts = [\"\(place.root)/secret:ro\"]\n"
        let planted = try place.shell("printf '%s' '\(line)' > coop.toml; echo end")
        #expect(planted.output == "end\n", "\(planted)")
        let next = try place.shell("cat \(place.root)/secret/file")
        #expect(!next.output.contains("precious"), "\(next)")
        if place.exists("coop.toml") { #expect(next.exitCode == 126, "\(next)") }
    }

    @Test("an approved coop.toml that the sandbox changes has to be approved again", arguments: TestIdentity.all)
    func approvedConfiguration(_ identity: TestIdentity) throws {
        let place = try repository(identity)
        try place.write(place.root + "/one/file", "first\n")
        try place.write(place.root + "/two/file", "precious\n")
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nmounts = [\"\(place.root)/one:ro\"]\n")
        let trusted = try place.coop(["trust", "--yes"])
        #expect(trusted.exitCode == 0, "\(trusted)")
        let first = try place.shell("cat \(place.root)/one/file; sed -i 's/one/two/' coop.toml; echo end")
        #expect(first.output == "first\nend\n", "\(first)")
        let next = try place.shell("cat \(place.root)/two/file")
        #expect(!next.output.contains("precious"), "\(next)")
    }

    @Test("repositories that the sandbox makes are reported or set aside", arguments: TestIdentity.all)
    func planted(_ identity: TestIdentity) throws {
        let place = try repository(identity)
        let outcome = try place.shell(
            """
            mkdir -p docs/objects docs/refs/heads; echo 'ref: refs/heads/main' > docs/HEAD
            printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tworktree = ..\\n\\tfsmonitor = touch \(place("executed"))\\n' > docs/config
            mkdir nested && cd nested && git init -q . && git config core.fsmonitor 'touch \(place("executed"))'; echo end
            """)
        #expect(outcome.output.contains("end"), "\(outcome)")
        for name in ["docs", "nested"] {
            #expect(outcome.error.contains(name) || !place.exists(name + (name == "docs" ? "/HEAD" : "/.git")), "\(name): \(outcome)")
        }
        _ = try place.outside(["git", "status"])
        #expect(!place.exists("executed"))
    }
}
