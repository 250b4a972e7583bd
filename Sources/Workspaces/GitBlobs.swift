import LinuxKernel

/// Contents of files as the user's repository keeps them.
package struct GitBlobs: Sendable {
    private let git: HostGit
    private let limit: Int

    /// Nil where there is no repository, or where a file may be something else in it than in the working tree at the same length: an encrypting
    /// filter. Others change the length.
    ///
    /// - Parameter views: a directory of coop's own for ``GitView``.
    package init?(of workTree: String, git: String, views: String, limit: Int) throws {
        guard let repository = try GitRepository.find(at: workTree) else { return nil }
        for file in repository.configurationFiles {
            guard let bytes = try FileBytes.contents(file) else { continue }
            guard let configuration = GitConfiguration.parse(bytes),
                !configuration.entries.contains(where: { $0.section == "filter" && $0.subsection != "lfs" })
            else { return nil }
        }
        self.git = HostGit(repository, executable: git, views: views)
        self.limit = limit
    }

    /// The bytes of an object that is a file; nil when the repository has none of that name, or its length is another one.
    package func read(_ hex: String, length: UInt64) throws -> [UInt8]? {
        guard length <= UInt64(limit) else { return nil }
        var setting = HostGit.Setting()
        setting.limits.output = Int(length) + 1
        guard let outcome = try? git.attempt(["cat-file", "blob", hex], setting), outcome.status.isSuccess,
            outcome.output.count == Int(length)
        else { return nil }
        return outcome.output
    }
}
