import Agents
import CoopErrors
import Glibc
import LinuxKernel
import Projects

/// What a project probably wants, by what lies in its directory and what is installed: offered, never decided.
struct ProjectGuess {
    let context: Context
    let root: String

    /// Which files of a project belong to which bundle of hosts.
    private static let signs: [(bundle: String, files: [String])] = [
        ("npm", ["package.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"]),
        ("pypi", ["pyproject.toml", "requirements.txt", "uv.lock", "poetry.lock", "Pipfile", "setup.py"]),
        ("crates", ["Cargo.toml"]), ("go", ["go.mod"]), ("rubygems", ["Gemfile"]), ("composer", ["composer.json"]),
        ("maven", ["pom.xml", "build.gradle", "build.gradle.kts"]), ("hex", ["mix.exs"]), ("swift", ["Package.swift"]),
    ]

    /// The bundles of the package registries that the project's own files speak of.
    var bundles: [String] {
        ProjectGuess.signs.filter { sign in sign.files.contains { FileSystem.kind(FileSystem.join(root, $0)) == .file } }.map(\.bundle)
    }

    /// The directory's name, where it can be a project's.
    var name: String {
        let name = LinkedWorktree.find(at: root)?.repositoryName ?? FileSystem.lastComponent(of: root)
        return (try? ProjectFile(name: name).check(Project(at: root))) == nil ? "project" : name
    }

    /// The agents that are installed, the one used last first: by the newest of the files that it keeps in the home directory.
    func agents() throws(CoopError) -> [String] {
        var found: [(name: String, used: Int)] = []
        for agent in try AgentCatalog(directory: context.home.directory(.agents)).all() {
            guard let run = try AgentRun.find([agent.name], options: RunOptions(), context: context),
                (try? run.locate(home: context.home.userHome)) != nil
            else { continue }
            let kept = (agent.state.files + agent.state.directories).map { FileSystem.join(context.home.userHome, $0) }
            let times = kept.compactMap { (try? FileSystem.status($0))??.st_mtim.tv_sec }
            found.append((agent.name, times.max() ?? 0))
        }
        return found.sorted { ($1.used, $0.name) < ($0.used, $1.name) }.map(\.name)
    }
}
