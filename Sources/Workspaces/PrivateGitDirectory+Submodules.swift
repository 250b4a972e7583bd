import CoopErrors
import Glibc
import LinuxKernel

/// The submodules whose working trees lie in the repository's own, so that git inside can look into them as it does outside.
///
/// Each gets what the repository itself gets, but read-only: `git status` and `git diff` work in them, and a commit, which nobody would bring
/// over, is refused by the file system instead of being lost.
extension PrivateGitDirectory {
    /// More than this are not looked for.
    private static let mostModules = 1000
    /// `modules/a/b/modules/c`: the levels of directories that are looked through.
    private static let moduleDepth = 16

    /// Prepares what git directories of submodules hold, and names the mounts, parents first.
    static func submodules(
        of repository: GitRepository, in directory: String, user: GitUserConfiguration, git: () throws -> String
    ) throws -> [PrivateGit.Mount] {
        // Those of a linked worktree lie in a directory that is not inside at all.
        guard repository.link == .directory else { return [] }
        let modules = try moduleDirectories(of: repository)
        if modules.isEmpty { return [] }
        try FileSystem.makeDirectories(directory + ".modules", mode: 0o755)
        var mounts: [PrivateGit.Mount] = []
        var places: [(name: String, prepared: String)] = []
        for (number, module) in modules.enumerated() {
            let prepared = FileSystem.join(directory + ".modules", String(number))
            var inside = Inside()
            inside.objects = "/run/coop/git/modules/\(number)/objects"
            inside.alternates = "/run/coop/git/modules/\(number)/alternates"
            inside.directory = FileSystem.join(repository.workTree, ".git/" + module.name)
            let git = try prepare(module.repository, at: prepared, inside: inside, user: user, git: git)
            // The mount's own place: in the directory of the submodule that holds it, else in the repository's.
            let holder = places.last { module.name.hasPrefix($0.name + "/") }
            let place = holder.map { FileSystem.join($0.prepared, String(module.name.dropFirst($0.name.utf8.count + 1))) }
            try FileSystem.makeDirectories(place ?? FileSystem.join(directory, module.name), mode: 0o755)
            places.append((module.name, prepared))
            // Its `.git` file is the workspace's own, which is protected as it is.
            for mount in git.mounts where mount.source != git.gitFile {
                mounts.append(.init(source: mount.source, target: mount.target, readOnly: true))
            }
        }
        return mounts
    }

    /// The git directories below `modules` whose working tree is populated and lies in the repository's: `modules/lib`, parents first.
    private static func moduleDirectories(of repository: GitRepository) throws -> [(name: String, repository: GitRepository)] {
        var result: [(name: String, repository: GitRepository)] = []
        var waiting: [(name: String, depth: Int)] = [("modules", 0)]
        while let (name, depth) = waiting.popLast() {
            let path = FileSystem.join(repository.commonDirectory, name)
            guard FileSystem.kind(path, followLinks: false) == .directory else { continue }
            let isModule = GitRepository.isGitDirectory(path)
            if isModule, let found = try workingTree(of: path, in: repository) {
                result.append((name, found))
                guard result.count < mostModules else { break }
            }
            guard depth < moduleDepth else { continue }
            if isModule {
                waiting.append((FileSystem.join(name, "modules"), depth + 1))
            } else {
                for entry in try FileSystem.entries(path) where entry.kind == .directory {
                    waiting.append((FileSystem.join(name, entry.name), depth + 1))
                }
            }
        }
        return result.sorted { $0.name < $1.name }
    }

    /// The repository that a submodule's working tree names, if it names this git directory and lies in the working tree; nil else.
    private static func workingTree(of path: String, in repository: GitRepository) throws(SystemError) -> GitRepository? {
        guard let bytes = try FileBytes.contents(FileSystem.join(path, "config")),
            let named = GitConfiguration.parse(bytes)?.value("core", "worktree")
        else { return nil }
        let tree = FileSystem.normalize(FileSystem.join(path, named))
        guard FileSystem.contains(repository.workTree, tree), tree != repository.workTree,
            FileSystem.kind(FileSystem.join(tree, ".git"), followLinks: false) == .file,
            // One that is damaged is not there for git outside either, which is no reason to run nothing.
            let found = (try? GitRepository.find(at: tree)) ?? nil, found.gitDirectory == FileSystem.realPath(path)
        else { return nil }
        return found
    }
}
