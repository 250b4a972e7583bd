import Glibc
import LinuxKernel
import Projects

/// Which files a project's configuration and its approval were read from, as far as can be told without reading them.
struct ConfigurationState: Equatable {
    private struct File: Equatable {
        let inode: UInt64
        let size: Int64
        /// Nanoseconds; of the last change of anything, which no program can set back.
        let changed: Int64
    }

    let files: [String]
    /// Nil where none is.
    private let found: [File?]

    init(project: Project, home: CoopHome) {
        self.init(files: [
            project.configurationFile, project.localConfigurationFile, home.configurationFile, TrustStore(home: home).file(of: project),
        ])
    }

    private init(files: [String]) {
        self.files = files
        found = files.map { path in
            guard let status = try? FileSystem.status(path, followLinks: true) else { return nil }
            return File(
                inode: UInt64(status.st_ino), size: Int64(status.st_size),
                changed: Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec))
        }
    }

    /// The same files now.
    func again() -> ConfigurationState { ConfigurationState(files: files) }
}
