import CoopErrors
import LinuxKernel
import Review
import TestSupport
import Testing

@Suite struct LandingRuleTests {
    private func gate() throws -> LandingGate { LandingGate(rules: try LandingRules.builtIn(), root: "/nonexistent/tree") }

    private func kind(ofNew path: String) throws -> LandingKind? {
        try gate().findings(in: [Change(path: path, before: nil, after: .file("content\n"))]).first?.kind
    }

    @Test func `what each kind is about, and what comes near`() throws {
        let found: [(LandingKind, [String])] = [
            (
                .git,
                [
                    ".git", ".git/hooks/pre-commit", ".git/config", "sub/.git", "sub/.git/HEAD", ".gitmodules", ".githooks/pre-push",
                    ".husky/_/husky.sh",
                    "lefthook.yml", ".pre-commit-config.yaml", ".hg/hgrc", "packages/a/.lintstagedrc.json",
                ]
            ),
            (
                .editor,
                [
                    ".vscode/tasks.json", "sub/.vscode/settings.json", ".idea/workspace.xml", ".nvim.lua", ".exrc", ".dir-locals.el",
                    "x.code-workspace", ".zed/settings.json", ".fleet/run.json", "a.sublime-project", ".eslintrc.js", "eslint.config.mjs",
                ]
            ),
            (
                .agent,
                [
                    "CLAUDE.md", "docs/CLAUDE.md", "AGENTS.md", ".claude/settings.json", ".claude/settings.local.json", "GEMINI.md",
                    ".codex/config.toml",
                    ".gemini/settings.json", ".cursor/mcp.json", ".cursorrules", ".opencode/plugin/x.ts", ".mcp.json",
                    ".github/copilot-instructions.md", "skills/x/SKILL.md",
                ]
            ),
            (
                .environment,
                [
                    ".envrc", ".env", "api/.env.local", "mise.toml", ".tool-versions", ".devcontainer/devcontainer.json", "flake.nix",
                    "shell.nix",
                    ".bashrc", ".config/mise/config.toml",
                ]
            ),
            (
                .build,
                [
                    "Makefile", "sub/Makefile", "GNUmakefile", "justfile", "Taskfile.yml", ".npmrc", ".yarnrc.yml", ".pnpmfile.cjs",
                    "setup.py",
                    "setup.cfg", "tests/conftest.py", "noxfile.py", "tox.ini", "build.rs", ".cargo/config.toml", "rust-toolchain.toml",
                    "app/build.gradle.kts", "gradlew", "gradle/wrapper/gradle-wrapper.jar", "settings.gradle", "pom.xml",
                    ".mvn/maven.config",
                    "CMakeLists.txt", "configure", "Rakefile", "Gemfile", "Dockerfile", "compose.yaml", "docker-compose.override.yml",
                    "Package.swift",
                    "Plugins/Tool/main.swift", "BUILD.bazel", "WORKSPACE", ".bazelrc", "Brewfile", "Vagrantfile", "Procfile",
                    "package.json",
                    "pyproject.toml", "requirements-dev.txt", "Cargo.toml", "composer.json",
                ]
            ),
            (
                .ci,
                [
                    ".github/workflows/ci.yml", ".gitlab-ci.yml", ".circleci/config.yml", "Jenkinsfile", "azure-pipelines.yml",
                    ".github/CODEOWNERS",
                    "tools/action.yml",
                ]
            ),
            (
                .installed,
                [
                    ".venv/pyvenv.cfg", "x/pyvenv.cfg", "env/bin/python", "env/bin/python3.12", "env/bin/activate", "lib/x.pth",
                    "sitecustomize.py",
                    "node_modules/.bin/tsc", "node_modules/a/index.js", "a/site-packages/b.py", "src/__pycache__/a.cpython-312.pyc",
                    "lib/x.jar",
                    "libx.so.1",
                ]
            ),
            (.coop, ["coop.toml", "coop.local.toml", ".coop/x", "sub/coop.toml"]),
        ]
        for (kind, paths) in found {
            for path in paths { #expect(try self.kind(ofNew: path) == kind, "\(path)") }
        }
        let plain = [
            "src/main.c", "lib/index.js", "main.py", "README.md", "docs/git.md", "src/git/config.c", "git/hooks.md",
            ".gitignore",
            ".gitkeep", "gitmodules", "x.git.md", "vscode/tasks.json", ".vscodeignore", "idea/a.xml", ".editorconfig", "claude.md.txt",
            "CLAUDE.markdown",
            "src/Claude.swift", "agents/list.md", ".env.example", ".env.sample", ".env.template", "env.py", "environment.ts", "makefile.md",
            "docs/Makefile.md/x",
            "src/make.py", "setup.ts", "src/configure.ts", "configuration", "docker.md", "src/Dockerfile.swift/x", "package.yaml",
            "src/package.ts",
            "plugins/a.js", "Sources/Plugins/a.swift", "build/out.txt", "src/build.ts", "workflows/ci.yml",
            ".github/ISSUE_TEMPLATE/bug.yml", ".github/FUNDING.yml",
            "jenkins.md", "src/python.c", "bin/pipeline.rb", "bin/python_helper.rb", "src/venv.py", "data.csv", "image.png", "LICENSE",
            "script.sh", "a.sql",
            "node_modules.md", "coop.md", "src/coop.swift", "main.tf", "src/lib.rs", "Sources/A/A.swift", "Tests/ATests.swift", "test_x.py",
            "x_test.go",
            "docs/.nojekyll", "tsconfig.json", "src/.hidden", "vite.md", "locales/de.json", "src/action.ts", "src/rules.txt",
        ]
        for path in plain { #expect(try self.kind(ofNew: path) == nil, "\(path)") }
    }

    @Test func `names that a file system or git takes for one of them`() throws {
        let spelled = [
            ".GIT/config", ".Git/hooks/x", "git~1/config", "GIT~1", ".git./config", ".git /config", ".git. . /config",
            ".git::$INDEX_ALLOCATION/config",
            ".git:stream", "sub\\.git\\config", ".git\\hooks\\pre-commit", ".g\u{200C}it/config", ".gi\u{200D}t/config",
            ".git\u{FEFF}/config",
            "\u{202E}.git/config", ".g\u{0131}t/config", ".gitmodule\u{17F}", "gitmod~1", ".GITMODULES ", "GITATT~1",
            ".VSCODE/tasks.json",
            ".vscode./tasks.json", ".env\u{AD}rc", "ma\u{212A}efile", ".CLAUDE/settings.json", "claude.md", "A\u{200B}GENTS.md",
            "Ma\u{FE0F}kefile",
            "node_modules\\.bin\\x", ".dev\u{FB03}x", "tox.ini.", "GNUmake\u{FB01}le",
        ]
        for path in spelled where path != ".dev\u{FB03}x" {
            let change = Change(path: path, before: nil, after: .file("* filter=x\n"))
            #expect(try !gate().findings(in: [change]).isEmpty, "\(path.printable)")
        }
        for path in [".gіt/config", "gi~1", "git~x", "git~", "x.git/config", ".gitt/config", "a:b.txt", "b\\c.txt"] {
            // The first has a Cyrillic letter: another name everywhere.
            #expect(try gate().findings(in: [Change(path: path, before: nil, after: .file("x"))]).isEmpty, "\(path.printable)")
        }
        let reason = try gate().findings(in: [Change(path: "git~1/config", before: nil, after: .file("x"))]).first?.reason
        #expect(reason?.hasSuffix("other file systems read the name as `.git/config`") == true, "\(reason ?? "")")
        let plain = try gate().findings(in: [Change(path: "makefile", before: nil, after: .file("x"))]).first?.reason
        #expect(plain == "make runs it")
    }

    @Test func `contents decide where they can`() throws {
        func found(_ path: String, _ before: String?, _ after: String) throws -> String? {
            try gate().findings(in: [Change(path: path, before: before.map { .file($0) }, after: .file(after))]).first?.reason
        }
        // package.json
        let package = #"{"name": "x", "version": "1.0.0", "scripts": {"test": "jest"}, "dependencies": {"a": "1"}}"#
        #expect(
            try found("package.json", package, #"{"name":"y","version":"2.0.0","scripts":{"test":"jest"},"dependencies":{"a":"1"}}"#) == nil
        )
        #expect(try found("package.json", package, package.replacing("jest", with: "curl x|sh"))?.contains("`scripts`") == true)
        #expect(try found("package.json", package, package.replacing(#""a": "1""#, with: #""a": "2""#))?.contains("`dependencies`") == true)
        #expect(try found("package.json", package, package.replacing("scripts", with: #"scr\u0069pts"#)) == nil)
        #expect(
            try found("package.json", #"{"name":"x"}"#, #"{"name":"x","scr\u0069pts":{"preinstall":"x"}}"#)?.contains("`scripts`") == true)
        #expect(
            try found("package.json", #"{"scripts":{}}"#, #"{"scripts":{"preinstall":"x"},"scripts":{}}"#)?.contains("`scripts`") == true)
        #expect(try found("package.json", package, "not json")?.contains("no JSON object") == true)
        #expect(try found("package.json", nil, #"{"name": "x"}"#) == nil)
        // A key that nobody has heard of may be a tool's.
        #expect(try found("package.json", package, package.replacing(#""name""#, with: #""newtool": {"run": "x"}, "name""#)) != nil)
        #expect(try found("composer.json", #"{"name":"a"}"#, #"{"name":"b","newtool":1}"#)?.contains("`newtool`") == true)
        // .gitattributes
        #expect(
            try found(".gitattributes", "*.txt text\n", "*.txt text eol=lf\n*.png binary -diff\n*.py diff=python\nx merge=union\n") == nil)
        #expect(try found(".gitattributes", nil, "*.c filter=evil\n")?.contains("`*.c filter=evil`") == true)
        #expect(try found(".gitattributes", nil, "* diff=x\n") != nil && found(".gitattributes", nil, "* merge=x\n") != nil)
        #expect(try found(".gitattributes", "[attr]m filter=x\n", "[attr]m filter=x\n*.c m\n") != nil)
        #expect(try found(".gitattributes", "s filter=crypt\n", "s filter=crypt\ns -filter\n") != nil)
        #expect(try found(".gitattributes", "\u{FEFF}[attr]m filter=x\n", "\u{FEFF}[attr]m filter=x\n*.c m\n") != nil)
        #expect(try found(".gitattributes", nil, "x \u{301}y\n* \tfilter=x\r\n") != nil)
        #expect(try found(".gitattributes", "a filter=lfs\n", "# moved\na   filter=lfs\n") == nil)
        // pyproject.toml
        let project = "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"a\"]\n"
        #expect(
            try found(
                "pyproject.toml", project,
                project.replacing("version = \"1\"", with: "version = \"2\"") + "[tool.ruff]\nline-length = 100\n") == nil)
        #expect(
            try found("pyproject.toml", project, project.replacing("\"a\"", with: "\"a\", \"b\""))?.contains("project.dependencies") == true
        )
        #expect(try found("pyproject.toml", project, project + "[build-system]\nrequires = []\n")?.contains("build-system") == true)
        #expect(
            try found("pyproject.toml", project, project + "[tool.pytest.ini_options]\naddopts = \"-p x\"\n")?.contains("tool.pytest")
                == true)
        #expect(try found("pyproject.toml", project, "[")?.contains("cannot be read") == true)
        // Cargo.toml
        let crate = "[package]\nname = \"x\"\nversion = \"0.1.0\"\n"
        #expect(try found("Cargo.toml", crate, crate.replacing("0.1.0", with: "0.2.0")) == nil)
        #expect(try found("Cargo.toml", crate, crate + "build = \"b.rs\"\n") != nil)
        #expect(try found("Cargo.toml", crate, crate + "[profile.dev]\nrustflags = [\"-Clinker=./x\"]\n") != nil)
        #expect(try found("Cargo.toml", crate, crate + "[package.metadata.release]\npre-release-hook = [\"./x\"]\n") != nil)
        #expect(try found("Cargo.toml", crate, crate + "[dependencies]\nserde = \"1\"\n") != nil)
        // Lock files and go.mod
        let lock = #"{"a": {"resolved": "https://registry.example.org/a.tgz"}}"#
        #expect(try found("package-lock.json", lock, lock.replacing("a.tgz", with: "b.tgz")) == nil)
        #expect(
            try found("package-lock.json", lock, lock.replacing("registry.example.org", with: "evil.example.com"))?.contains(
                "evil.example.com") == true)
        #expect(try found("yarn.lock", "x", "resolved \"git+ssh://git@host.example/x\"") != nil)
        #expect(try found("go.mod", "module m\ngo 1.22\n", "module m\ngo 1.22\nrequire x v1\n") == nil)
        #expect(try found("go.mod", "module m\n", "module m\nreplace (\n\tx => ../y\n)\n") != nil)
        #expect(try found("go.mod", "module m\n", "module m\ntoolchain go1.99\n") != nil)
        // Only the mode.
        let mode = Change(path: "Makefile", before: .file("a:\n"), after: .file("a:\n", mode: 0o600))
        #expect(try gate().findings(in: [mode]).isEmpty)
    }

    @Test func `taking away what restricts counts, taking away a build file does not`() throws {
        func found(_ path: String) throws -> String? {
            try gate().findings(in: [Change(path: path, before: .file("x"), after: nil)]).first?.reason
        }
        #expect(try found(".claude/settings.json")?.hasSuffix("and it is removed") == true)
        #expect(try found("coop.toml") != nil && found(".git/config") != nil)
        #expect(try found("Makefile") == nil && found(".vscode/tasks.json") == nil && found("src/a.c") == nil)
    }

    @Test func `rules that are no rules are named with their line`() throws {
        func error(_ text: String) -> CoopError? {
            do {
                _ = try LandingRules.parse(Array(text.utf8), name: "landing-rules.txt")
                return nil
            } catch { return error }
        }
        #expect(error("# comment\n\n*.x build runs it\n") == nil)
        #expect(error("*.x\tbuild\truns it\r\n") == nil)
        for (text, why) in [
            ("\n*.x build\n", "landing-rules.txt:2: a pattern, a kind and a reason are needed"),
            ("*.x  bild  x", "landing-rules.txt:1: `bild` is none of the kinds"),
            ("a//b build x", "`a//b` is no pattern"), ("../x build x", "is no pattern"),
            ("x build/nothing x", "coop cannot look for `nothing`"),
            ("x build/a/b x", "`build/a/b` is none of the kinds"), ("x \u{1B} x", "`\\x1b` is none"),
        ] {
            let found = error(text)
            #expect(found?.code == .configuration && found?.why.contains(why) == true, "\(text): \(found?.why ?? "none")")
        }
    }

    @Test func `no text makes the reader fail in another way`() throws {
        var numbers = SeededGenerator(5)
        let pieces: [[UInt8]] =
            ["*", "**", "/", "\\", ".", "..", " ", "\t", "\n", "\r", "#", "build", "git/attributes", "x", "?", "~1", "é"].map {
                Array($0.utf8)
            } + [[0xFF], [0], [0x1B]] + [Array(" build it is run\n".utf8), Array(" git/attributes it is run\n".utf8)]
            + [Array("\nx build it is run\n".utf8), Array("\n**/* git it is read\n".utf8)]
        var accepted = 0
        var refused = 0
        var found = 0
        for _ in 0..<3000 {
            var text: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<12, using: &numbers) { text += pieces.randomElement(using: &numbers) ?? [] }
            let rules: [LandingRule]
            do throws(CoopError) { rules = try LandingRules.parse(text, name: "x") } catch {
                refused += 1
                let place = error.why.split(separator: ":", maxSplits: 2)
                let line = try #require(place.count == 3 && place[0] == "x" ? Int(place[1]) : nil, "\(error)")
                #expect(
                    error.code == .configuration && (1...text.split(separator: 0x0A, omittingEmptySubsequences: false).count).contains(line)
                )
                continue
            }
            accepted += rules.isEmpty ? 0 : 1
            let gate = LandingGate(rules: rules, root: "/nonexistent")
            let path = String(osBytes: text.filter { $0 != 0 && $0 != 0x0A }.prefix(while: { $0 != 0x20 }).prefix(40))
            if path.isEmpty { continue }
            let findings = gate.findings(in: [Change(path: path, before: nil, after: .file("x"))])
            // What a file is and where it lies can be found without a rule.
            for finding in findings where finding.kind != .file && finding.rule != "repository" {
                found += 1
                #expect(rules.contains { $0.pattern.description == finding.rule && $0.kind == finding.kind })
            }
        }
        #expect(accepted > 100 && refused > 100 && found > 20, "\(accepted) \(refused) \(found)")
    }

    @Test func `patterns`() throws {
        func matches(_ pattern: String, _ path: String) -> Bool { PathPattern(pattern)?.matches(path) ?? false }
        #expect(matches("a", "a") && matches("a", "x/a") && !matches("a", "a/x") && !matches("a", "ab"))
        #expect(matches("a/", "a") && matches("a/", "x/a/y/z") && !matches("a/", "xa/y"))
        #expect(matches("/a", "a") && !matches("/a", "x/a") && matches("a/b", "a/b") && !matches("a/b", "x/a/b"))
        #expect(matches("**/a/b", "a/b") && matches("**/a/b", "x/y/a/b") && matches("a/**", "a/b/c") && !matches("a/**", "a"))
        #expect(
            matches("a/**/z", "a/z") && matches("a/**/z", "a/b/c/z") && matches("*.x", "q/w.x") && matches("a?c", "abc")
                && !matches("a?c", "ac"))
        #expect(matches("**", "a/b") && matches("*", "a/b") && matches("a*b*c", "aXbYc") && !matches("a*b*c", "aXc"))
        #expect(PathPattern("") == nil && PathPattern("/") == nil && PathPattern("a//b") == nil && PathPattern("./a") == nil)
        #expect(
            !matches("a/**", "a") && matches("**/b/**", "a/b/c") && !matches("**/b/**", "a/b") && matches("**/a/**/b/**/c", "a/a/b/x/b/c"))
    }

    @Test func `whoever accepts means one spelling`() {
        func accepts(_ pattern: String, _ path: String) -> Bool { PathPattern(pattern, folding: false)?.matches(path) ?? false }
        #expect(accepts("Makefile", "Makefile") && accepts("Makefile", "a/Makefile") && accepts("/x/*.mk", "x/a.mk"))
        for (pattern, path) in [
            ("Makefile", "makefile"), (".git/", "git~1"), ("caf\u{E9}.mk", "cafe\u{301}.mk"), ("\u{212B}", "\u{C5}"),
            ("*\u{E9}", "e\u{301}"),
            (".envrc", ".env\u{200B}rc"), ("x.mk", "x.mk."), ("/a/*", "a/b/c"), ("a?", "a\u{301}b"), ("/Makefile", "x/Makefile"),
        ] { #expect(!accepts(pattern, path), "\(pattern) \(path)") }
        // Names that look like patterns, and are suggested as the one that accepts them.
        for path in ["**/.envrc", "*", "**", "a?c", "a\\b", "\\", "x/*.mk", "a\u{1B}", "\\*", "a/**/b", String(osBytes: [0x2A, 0xFF])] {
            let pattern = PathPattern.exactly(path)
            #expect(accepts(pattern, path), "\(path)")
            for other in [".envrc", "x/.envrc", "a", "abc", "a/b", "x/a.mk", "a/x/b", "b", "x/y/.envrc"] where other != path {
                #expect(!accepts(pattern, other), "\(pattern) accepts \(other)")
            }
        }
        #expect(PathPattern("a\\", folding: false) == nil && PathPattern("a\\/b", folding: false) == nil)
        // As deep as a path can be.
        let deep = String(repeating: "d/", count: 1000) + "Makefile"
        #expect(accepts(PathPattern.exactly(deep), deep))
        #expect(!accepts(String(repeating: "**/d/", count: 50) + "x", deep))
    }

    @Test func `what agents obey counts in every directory, and what git is told to run`() throws {
        let rules = LandingRules.agents([
            .init(setting: ".newagent/", reason: "New Agent obeys it"), .init(setting: "newagent.json", reason: "x"),
        ])
        let gate = LandingGate(rules: rules + LandingRules.configured(["tools/hooks"]), root: "/nonexistent")
        for path in [".newagent/x", "a/.newagent/x", "a/newagent.json", "tools/hooks/pre-commit", "tools/hooks"] {
            #expect(gate.findings(in: [Change(path: path, before: nil, after: .file("x"))]).count == 1, "\(path)")
        }
        #expect(gate.findings(in: [Change(path: "a/tools/hooks/x", before: nil, after: .file("x"))]).isEmpty)
    }
}
