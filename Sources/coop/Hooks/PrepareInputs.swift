import Glibc
import LinuxKernel
import Projects
import Sandbox
import Workspaces

/// What the result of a preparation depends on: its own text, the files that it reads, the tools that it runs, and the settings that it sees.
struct PrepareInputs {
    private let root: String
    private let fixed: [String]
    private let files: [String]

    /// - Parameters:
    ///   - named: `hooks.inputs`; nil for the lock files that are known, and what the command names.
    ///   - settings: `sandbox.env`.
    init(command: String, named: [String]?, settings: [(name: String, value: Setting<String>)], spec: SandboxSpec) {
        root = spec.workspace.path
        var fixed = ["prepare 1", command, root]
        fixed += settings.map { "\($0.name)=\($0.value.value)" }.sorted()
        fixed += PrepareInputs.tools(spec, command: command)
        // A private home that was thrown away took with it what was installed there.
        if let source = spec.home.source, let status = try? FileSystem.status(source) { fixed.append("\(status.st_dev):\(status.st_ino)") }
        self.fixed = fixed
        files = Array(Set((named ?? PrepareInputs.lockFiles) + PrepareInputs.words(of: command, root: root))).sorted()
    }

    /// Changes whenever `contents` may have: cheap, since it looks at no file's contents.
    var outline: String { digest { $0.outline($1) ?? "none" } }

    /// Changes when something does that the hook depends on.
    var contents: String {
        digest { directory, name in
            // Neither a link nor a FIFO nor what is too large is read; that there is something else than before is seen all the same.
            do { return try directory.read(name, limit: PrepareInputs.sizeLimit).map { SHA256.hexDigest($0) } ?? "none" } catch {
                return directory.outline(name) ?? "no file"
            }
        }
    }

    private func digest(_ describe: (BeneathDirectory, String) -> String) -> String {
        var hash = SHA256()
        func add(_ text: String) { hash.update("\(text.utf8.count)\n\(text)".utf8) }
        fixed.forEach(add)
        if let directory = try? BeneathDirectory(root) {
            for file in files {
                add(file)
                add(describe(directory, file))
            }
        }
        return hash.hexDigest()
    }

    private static let sizeLimit = 32 << 20

    /// The words of the command that are paths below the project: `./Scripts/prepare.sh`.
    private static func words(of command: String, root: String) -> [String] {
        command.split { " \t\n;&|()<>\"'`$=".contains($0) }.prefix(256).compactMap { word in
            let path = FileSystem.normalize(FileSystem.join(root, String(word)))
            guard let relative = FileSystem.relative(path, to: root), !relative.isEmpty else { return nil }
            return relative
        }
    }

    /// Which file stands behind the name of each tool, and its age. Nothing of it is run.
    private static func tools(_ spec: SandboxSpec, command: String) -> [String] {
        let path = spec.environment.first { $0.name == "PATH" }?.value ?? ""
        let words = command.split { " \t\n;&|()<>\"'`$=".contains($0) }.prefix(64).map(String.init).filter { !$0.contains("/") }
        let directories = path.split(separator: ":").map(String.init).filter { !FileSystem.contains(spec.workspace.path, $0) }
        return (runtimes + words).map { name in
            for directory in directories {
                guard let program = FileSystem.realPath(FileSystem.join(directory, name)), FileSystem.isExecutable(program),
                    let status = try? FileSystem.status(program)
                else { continue }
                return "\(program) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
            }
            return "no \(name)"
        }
    }

    private static let runtimes = [
        "bun", "cargo", "clang", "deno", "dotnet", "gcc", "go", "java", "node", "npm", "php", "pip3", "pnpm", "python3", "ruby", "rustc",
        "swift", "uv", "yarn",
    ]

    /// What says which packages and tools a project needs, in its root.
    private static let lockFiles = [
        ".node-version", ".npmrc", ".nvmrc", ".python-version", ".ruby-version", ".tool-versions", "Cargo.lock", "Cargo.toml", "Gemfile",
        "Gemfile.lock", "Package.resolved", "Package.swift", "Pipfile", "Pipfile.lock", "build.gradle", "build.gradle.kts", "bun.lock",
        "bun.lockb", "composer.json", "composer.lock", "deno.lock", "flake.lock", "global.json", "go.mod", "go.sum", "gradle.lockfile",
        "mix.exs", "mix.lock", "npm-shrinkwrap.json", "package-lock.json", "package.json", "packages.lock.json", "pdm.lock",
        "pnpm-lock.yaml",
        "poetry.lock", "pom.xml", "pubspec.lock", "pubspec.yaml", "pyproject.toml", "requirements-dev.txt", "requirements.txt",
        "rust-toolchain", "rust-toolchain.toml", "setup.cfg", "setup.py", "uv.lock", "yarn.lock",
    ]
}
