import CoopErrors
import Glibc
import LinuxKernel

/// `$COOP_HOME`: everything that coop keeps for one user. It holds secrets and decides what is trusted, so nobody else may
/// write to it.
public struct CoopHome: Sendable, Equatable {
    /// The absolute path, with every link resolved where it exists.
    public let path: String
    /// The user's own home directory.
    public let userHome: String

    /// What lies in it (docs/architecture.md, "Where things live").
    public enum Area: String, Sendable, CaseIterable {
        case global, projects, agents, flavors, images, audit, trust, cache
        /// The sessions that are alive: sockets and process ids.
        case run
    }

    /// What is kept for one project.
    public enum ProjectArea: String, Sendable, CaseIterable {
        case secrets, env, auth, vault, sessions, snapshots, home, tasks, commits
    }

    /// Takes the place from `COOP_HOME`, else `.coop` in the user's home directory. Nothing is made.
    ///
    /// - Throws: `CoopError` when a variable is not an absolute path, or when the directory exists and belongs to somebody
    ///   else or is writable by others.
    public static func locate(environment: (String) -> String? = environmentVariable) throws(CoopError) -> CoopHome {
        let userHome = try self.userHome(environment: environment)
        var path = FileSystem.join(userHome, ".coop")
        if let chosen = environment("COOP_HOME"), !chosen.isEmpty {
            guard chosen.hasPrefix("/") else {
                throw CoopError(
                    .configuration, "cannot use COOP_HOME", "`\(chosen.printable)` is not an absolute path",
                    next: "export COOP_HOME=\"$HOME/.coop\"")
            }
            path = FileSystem.normalize(chosen)
        }
        guard path != "/", path != userHome else {
            throw CoopError(
                .configuration, "cannot use COOP_HOME", "\(path.printable) is not a directory of coop's own",
                next: "export COOP_HOME=\"$HOME/.coop\"")
        }
        let home = CoopHome(path: FileSystem.realPath(path) ?? path, userHome: userHome)
        try checkDirectory(home.path)
        return home
    }

    /// A directory in it; not made.
    public func directory(_ area: Area) -> String { FileSystem.join(path, area.rawValue) }

    /// A project's own directory; not made.
    public func directory(of project: ProjectKey) -> String { FileSystem.join(directory(.projects), project.text) }

    /// One kind of thing of a project; not made.
    public func directory(_ area: ProjectArea, of project: ProjectKey) -> String {
        FileSystem.join(directory(of: project), area.rawValue)
    }

    /// Where directories below it go when they are removed.
    public var trash: Trash { Trash(directory: FileSystem.join(path, "state/removed")) }

    /// The user's own configuration file.
    public var configurationFile: String { FileSystem.join(path, "config.toml") }

    /// A path below the user's home as people write it: `~/.coop`.
    public func abbreviated(_ path: String) -> String { CoopHome.abbreviate(path, home: userHome) }

    static func abbreviate(_ path: String, home: String) -> String {
        guard home != "/", path != home, FileSystem.contains(home, path) else { return path }
        return "~" + path.dropFirst(home.count)
    }

    /// Makes one of its directories with mode 0700, and checks each level that coop owns.
    ///
    /// - Parameter directory: `path` or something below it.
    public func prepare(_ directory: String) throws(CoopError) {
        guard FileSystem.contains(path, directory) else {
            throw CoopError(.failed, "cannot make \(directory.printable)", "it is outside \(path.printable)", next: "coop doctor")
        }
        do {
            try FileSystem.makeDirectories(directory, mode: 0o700)
        } catch {
            throw CoopError(
                error.isFull ? .failed : .configuration, "cannot make \(directory.printable)", error.reason,
                next: error.isFull
                    ? "df -h \(path.shellQuoted); df -i \(path.shellQuoted)" : "export COOP_HOME=DIRECTORY   # one of your own")
        }
        var level = directory
        while FileSystem.contains(path, level) {
            try CoopHome.checkDirectory(level)
            if level == path { break }
            level = FileSystem.parent(of: level)
        }
    }

    /// A directory that exists must belong to the user, and nobody else may write to it.
    private static func checkDirectory(_ path: String) throws(CoopError) {
        let found: stat?
        do {
            found = try FileSystem.status(path)
        } catch {
            throw CoopError(.configuration, "cannot use \(path.printable)", error.reason, next: "ls -ld \(path.shellQuoted)")
        }
        guard let found else { return }
        guard FileKind(mode: found.st_mode) == .directory else {
            throw CoopError(.configuration, "cannot use \(path.printable)", "it is not a directory", next: "ls -ld \(path.shellQuoted)")
        }
        guard found.st_uid == geteuid() else {
            throw CoopError(
                .configuration, "cannot use \(path.printable)", "it belongs to user \(found.st_uid), and you are user \(geteuid())",
                next: "export COOP_HOME=DIRECTORY   # one of your own")
        }
        guard found.st_mode & 0o022 == 0 else {
            throw CoopError(
                .configuration, "cannot use \(path.printable)", "other users may write to it, and it decides what is trusted",
                next: "chmod go-w \(path.shellQuoted)")
        }
    }

    /// `$HOME`, else the entry of /etc/passwd (passwd(5)). Not getpwuid(3): in a static executable it loads whatever name
    /// service modules the machine has.
    package static func userHome(
        environment: (String) -> String?, passwordFile: String = "/etc/passwd", user: uid_t = getuid()
    ) throws(CoopError) -> String {
        if let home = environment("HOME"), !home.isEmpty {
            guard home.hasPrefix("/") else {
                throw CoopError(
                    .configuration, "cannot find your home directory", "HOME is `\(home.printable)`, which is not an absolute path",
                    next: "export HOME=/home/you")
            }
            let normal = FileSystem.normalize(home)
            return FileSystem.realPath(normal) ?? normal
        }
        do {
            for line in try FileSystem.read(passwordFile, limit: 8 << 20).split(separator: UInt8(ascii: "\n")) {
                let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
                guard fields.count >= 7, Int(String(decoding: fields[2], as: UTF8.self)) == Int(user) else { continue }
                let home = String(osBytes: fields[5])
                if home.hasPrefix("/") { return FileSystem.realPath(home) ?? FileSystem.normalize(home) }
            }
        } catch {
            throw CoopError(
                .configuration, "cannot find your home directory", "HOME is not set, and \(error)", next: "export HOME=/home/you")
        }
        throw CoopError(
            .configuration, "cannot find your home directory", "HOME is not set, and \(passwordFile) has none for user \(user)",
            next: "export HOME=/home/you")
    }
}

/// A variable of this process's environment.
public func environmentVariable(_ name: String) -> String? {
    getenv(name).map { String(osBytes: UnsafePointer($0)) }
}

extension String {
    /// The text as one word of a shell command line.
    package var shellQuoted: String {
        let plain = utf8.allSatisfy { byte in
            (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || "/._-+=:@,~".utf8.contains(byte)
        }
        if plain, !isEmpty { return self }
        return "'" + printable.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
