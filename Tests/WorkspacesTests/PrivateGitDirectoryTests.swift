import CoopErrors
import Glibc
import LinuxKernel
import Testing

@testable import Workspaces

@Suite struct PrivateGitDirectoryTests {
    private func text(_ path: String) throws -> String { String(osBytes: try FileSystem.read(path)) }

    @Test func `git inside reports the same status, log and branches as on the host`() throws {
        let session = try Session(commits: 3)
        try session.host("branch", "topic", "HEAD~1")
        try session.host("tag", "-a", "v1", "-m", "one")
        try session.write("staged", "s")
        try session.host("add", "staged")
        try session.write("file0", "changed")
        try session.write("untracked", "u")
        try session.begin()
        #expect(try session.status(inside: true) == session.status(inside: false))
        for command in [["log", "--oneline", "--all"], ["for-each-ref"], ["stash", "list"], ["diff"], ["diff", "--cached"]] {
            #expect(try sh(["git"] + command, in: session.work, session.insideVariables) == sh(["git"] + command, in: session.work))
        }
        #expect(try session.inside("fsck", "--strict") == "")
    }

    @Test func `mounts of an ordinary repository are the private directory over .git and the objects read-only`() throws {
        let session = try Session()
        let git = try session.begin()
        #expect(git.gitFile == nil)
        #expect(git.mounts.count == 2)
        #expect(git.mounts[0] == .init(source: git.directory, target: session.work + "/.git", readOnly: false))
        #expect(git.mounts[1].source == session.work + "/.git/objects" && git.mounts[1].readOnly)
        #expect(try FileSystem.list(git.directory + "/hooks").isEmpty)
    }

    @Test func `only allowed configuration keys cross over`() throws {
        let session = try Session()
        for (key, value) in [
            ("core.fsmonitor", "/bin/evil"), ("core.hooksPath", "hooks"), ("core.sshCommand", "evil"), ("core.pager", "evil"),
            ("alias.x", "!evil"), ("filter.a.clean", "evil"), ("credential.helper", "evil"), ("diff.external", "evil"),
            ("http.extraHeader", "Authorization: secret"), ("commit.gpgsign", "true"), ("user.signingkey", "k"),
            ("remote.origin.url", "https://me:secret@example.org/x.git?private_token=t0ken"),
            ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
            ("remote.ssh.url", "ssh://git:pw@example.org/x"), ("remote.scp.url", "git@example.org:x/y"), ("branch.main.remote", "origin"),
            ("branch.main.merge", "refs/heads/main"), ("pull.rebase", "true"), ("merge.conflictstyle", "diff3"),
            ("core.autocrlf", "input"), ("user.email", "a \"quoted\" # name\\"),
        ] { try session.host("config", key, value) }
        let git = try session.begin()
        let config = try text(git.directory + "/config")
        for word in ["evil", "hooksPath", "hookspath", "secret", "t0ken", "pw", "signingkey", "alias"] { #expect(!config.contains(word)) }
        #expect(try session.inside("config", "remote.origin.url") == "https://example.org/x.git")
        #expect(try session.inside("config", "remote.ssh.url") == "ssh://git@example.org/x")
        #expect(try session.inside("config", "remote.scp.url") == "git@example.org:x/y")
        #expect(try session.inside("config", "user.email") == "a \"quoted\" # name\\")
        #expect(try session.inside("config", "commit.gpgsign") == "false")
        #expect(try session.inside("rev-parse", "--abbrev-ref", "main@{upstream}", allowFailure: true).isEmpty == false)
    }

    @Test func `a relative hooks path and included files are named as trusted paths`() throws {
        let session = try Session()
        try session.host("config", "core.hooksPath", ".husky/_")
        try session.host("config", "filter.x.clean", "sh ./tools/clean.sh %f")
        try session.write(".gitconfig.shared", "[user]\n\tname = Included\n")
        try session.host("config", "include.path", "../.gitconfig.shared")
        let git = try session.begin()
        #expect(git.trustedPaths.contains(".husky/_"))
        #expect(git.trustedPaths.contains("tools/clean.sh"))
        #expect(try session.inside("config", "user.name") == "Included")
        #expect(git.trustedPaths.contains(".gitconfig.shared"))
    }

    @Test func `the global configuration and ignore file of the user apply inside`() throws {
        let session = try Session()
        try session.host("config", "--unset", "user.name")
        try session.write(
            "home/.gitconfig", "[user]\n\tname = Grace ; comment\n[core]\n\texcludesFile = ~/ignored\n", in: session.temporary.path)
        try session.write("home/ignored", "*.log", in: session.temporary.path)
        try session.write("x.log", "l")
        try session.begin(user: GitUserConfiguration(environment: ["HOME": session.temporary("home"), "GIT_CONFIG_NOSYSTEM": "1"]))
        #expect(try session.inside("config", "user.name") == "Grace")
        #expect(try session.inside("status", "--porcelain") == "")
    }

    @Test func `a linked worktree gets a read-only .git file and its own HEAD and index`() throws {
        let session = try Session(commits: 2)
        let tree = session.temporary("linked")
        try session.host("worktree", "add", "-q", "-b", "side", tree)
        try session.write("new", "n", in: tree)
        try sh(["git", "add", "new"], in: tree)
        let git = try session.begin(in: tree)
        #expect(git.repository.link == .file)
        #expect(git.repository.commonDirectory == session.work + "/.git")
        #expect(git.mounts[1].target == tree + "/.git" && git.mounts[1].readOnly)
        #expect(try text(git.mounts[1].source) == "gitdir: \(git.mounts[0].target)\n")
        #expect(try session.status(inside: true) == session.status(inside: false))
    }

    @Test(arguments: ["sha1", "sha256"]) func `both object formats work`(_ format: String) throws {
        let session = try Session(["--object-format=\(format)"])
        let git = try session.begin()
        #expect(git.objectFormat.rawValue == format)
        try session.commitInside("a", "a")
        #expect(try session.finish().outcome("refs/heads/main") == .fastForwarded)
        #expect(try session.status(inside: true) == session.status(inside: false))
    }

    @Test func `unborn, detached, packed, shallow, split index and stash states look the same`() throws {
        let unborn = try Session(commits: 0)
        try unborn.begin()
        #expect(try unborn.status(inside: true) == unborn.status(inside: false))

        let many = try Session(commits: 4)
        for number in 0..<300 { try many.host("branch", "b/\(number)") }
        try many.host("pack-refs", "--all")
        try many.host("branch", "-f", "b/7", "HEAD~2")
        try many.host("update-index", "--split-index")
        try many.write("file1", "x")
        try many.host("stash")
        try many.host("checkout", "-q", "--detach", "HEAD~1")
        let clone = many.temporary("shallow")
        try sh(["git", "clone", "-q", "--depth", "2", "file://" + many.work, clone], in: "/")
        try many.begin()
        for command in [["for-each-ref"], ["stash", "list"], ["status", "--porcelain=v2", "--branch"], ["log", "--oneline"]] {
            #expect(try sh(["git"] + command, in: many.work, many.insideVariables) == sh(["git"] + command, in: many.work))
        }
        many.id = "s2"
        try many.begin(in: clone)
        #expect(try many.inside("log", "--oneline") == many.host("log", "--oneline"))
        #expect(
            try many.inside("symbolic-ref", "refs/remotes/origin/HEAD", allowFailure: true)
                == many.host("symbolic-ref", "refs/remotes/origin/HEAD", allowFailure: true))
    }

    @Test func `a merge with conflicts looks the same inside`() throws {
        let session = try Session()
        try session.host("checkout", "-q", "-b", "other")
        try session.commit("file0", "other\n", in: session.work)
        try session.host("checkout", "-q", "main")
        try session.commit("file0", "main\n", in: session.work)
        try session.host("merge", "other", allowFailure: true)
        try session.begin()
        #expect(try session.inside("status") == session.host("status"))
    }

    @Test func `alternates are followed and mounted`() throws {
        let session = try Session(commits: 2)
        let clone = session.temporary("clone")
        try sh(["git", "clone", "-q", "--shared", session.work, clone], in: "/")
        let git = try session.begin(in: clone)
        #expect(git.repository.objectDirectories == [clone + "/.git/objects", session.work + "/.git/objects"])
        #expect(git.mounts.contains { $0.target.hasSuffix("objects/info/alternates") && $0.readOnly })
        #expect(try session.inside("log", "--oneline") == session.host("log", "--oneline"))
    }

    @Test func `a submodule works as a workspace and inside one`() throws {
        let session = try Session()
        let library = session.temporary("library")
        try FileSystem.makeDirectories(library)
        try sh(["git", "init", "-q", "-b", "main"], in: library)
        try session.configure(library)
        try session.commit("lib", "l", in: library)
        try sh(["git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, "lib"], in: session.work)
        try session.host("commit", "-q", "-m", "sub")
        let git = try session.begin(in: session.work + "/lib")
        #expect(git.repository.link == .file)
        #expect(try session.status(inside: true) == session.status(inside: false))
        session.id = "s2"
        try session.begin()
        #expect(
            try session.inside("submodule", "status", "--cached", allowFailure: true).contains("lib")
                || session.inside("ls-files", "-s", "lib").hasPrefix("160000"))
    }

    @Test func `no git gives nil, a bare repository and a linked .git are refused`() throws {
        let temporary = try TemporaryDirectory()
        #expect(try GitRepository.find(at: temporary.path) == nil)
        try sh(["git", "init", "-q", "--bare", temporary("bare")], in: "/")
        #expect(throws: CoopError.self) { try GitRepository.find(at: temporary("bare")) }
        try FileSystem.makeDirectories(temporary("w"))
        _ = symlink(temporary("bare"), temporary("w/.git"))
        #expect(throws: CoopError.self) { try GitRepository.find(at: temporary("w")) }
    }

    @Test func `a saved record is read back as it was, and a damaged one is refused`() throws {
        let session = try Session(commits: 2)
        let git = try session.begin()
        let path = session.temporary("record")
        try git.save(to: path)
        #expect(try PrivateGit.load(from: path) == git)
        let bytes = try FileSystem.read(path)
        for length in [0, 5, bytes.count / 2, bytes.count - 1] {
            try writeFile(path, Array(bytes.prefix(length)))
            #expect(throws: CoopError.self) { try PrivateGit.load(from: path) }
        }
    }

    @Test func `preparing starts no process in the common case`() throws {
        let session = try Session()
        let repository = try #require(try GitRepository.find(at: session.work))
        #expect(throws: Never.self) {
            _ = try PrivateGitDirectory.prepare(repository, at: session.temporary("g"), user: .none) {
                throw CoopError(.failed, "git was asked for", "")
            }
        }
    }
}

@Suite struct GitConfigurationTests {
    @Test func `the reader agrees with git on ordinary and odd files`() throws {
        let temporary = try TemporaryDirectory()
        let cases = [
            "[a]\n\tb = c\n", "[a]b=c", "[a \"x y\"]\n B = d # comment\n", "[a]\nflag\nother ; c\n", "[a]\nb = \"x # y\" ; z\n",
            "[a]\nb = one \\\n  two\n", "[a]\nb = \"\\t\\n\\\\\"\n", "\u{FEFF}[a]\r\nb = c\r\n", "# only\n", "[a \"q\\\"r\"]\nb=\n",
            "[A]\nB = C D\n",
            "[a]\nb = x   \n[a]\nb = y\t# k\n", "[a.b]\nc = d\n", "[a]\nb = one  two\n", "[a]\nb = \"unfinished\n", "[a\nb=c\n",
            "[a]\n1b = c\n",
            "[a]\nb = \\q\n", "[a]\nb = c\\", "b = c\n",
        ]
        for text in cases {
            try writeFile(temporary("c"), Array(text.utf8))
            guard let parsed = GitConfiguration.parse(Array(text.utf8)) else { continue }
            let answer = try sh(["git", "config", "--list", "-z", "-f", temporary("c")], in: "/")
            let expected = GitConfiguration.parseList(Array(answer.utf8))
            #expect(parsed == expected, "\(text)")
        }
        #expect(GitConfiguration.parse(Array("[include]\npath = x\n".utf8)) == nil)
        #expect(GitConfiguration.parse(Array("[includeIf \"gitdir:/x\"]\npath = x\n".utf8)) == nil)
        #expect(GitConfiguration.parse(Array("[a]\n\tb = \"c\n".utf8)) == nil)
        #expect(GitConfiguration.parse(Array(cases[0].utf8)) != nil)
    }

    @Test func `whatever is written is read back by git unchanged`() throws {
        let temporary = try TemporaryDirectory()
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("ab \"\\#;=[]\n\t.\u{8}ü'$`!")
        for _ in 0..<60 {
            let value = String((0..<Int.random(in: 0...12, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "x" })
            let name = String((0..<5).map { _ in alphabet.randomElement(using: &random) ?? "x" }).filter { $0 != "\n" }
            let written = GitConfiguration(entries: [.init(section: "remote", subsection: "n" + name, name: "url", value: value)])
            try writeFile(temporary("c"), written.text.osBytes)
            let outcome = try HostProcess.run(
                gitProgram, ["config", "--list", "-z", "-f", temporary("c")], environment: testEnvironment)
            #expect(GitConfiguration.parseList(outcome.output) == written, "\(written.text)")
        }
    }

    @Test func `credentials are taken out of every form of address`() {
        let cases = [
            "https://u:p@h/x": "https://h/x", "https://token@h/x": "https://h/x", "https://u:p@ss@h:8/x@y": "https://h:8/x@y",
            "ssh://git@h/x": "ssh://git@h/x", "ssh://git:pw@h/x": "ssh://git@h/x", "git@h:x": "git@h:x", "/a/b": "/a/b",
            "ftp://u:p@h/": "ftp://h/", "ext::https://u:p@h/": "ext::https://h/", "https://h": "https://h",
            "https://u:p@h?x=y": "https://h",
        ]
        for (input, output) in cases { #expect(GitConfigurationPolicy.withoutCredentials(input) == output) }
    }
}
