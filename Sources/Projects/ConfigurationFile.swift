import CoopErrors
import Glibc
import LinuxKernel
import TOML

/// A configuration file on disk. A repository's file is hostile until the user has approved it: it must be a regular file of
/// the project itself.
public struct ConfigurationFile: Sendable, Equatable {
    public var path: String
    /// As it is shown to a person.
    public var name: String
    public var layer: ConfigurationOrigin.Layer
    /// A directory that the file may not lie outside of, by whatever links; nil for the user's own file, which dotfile
    /// programs like to link.
    public var boundary: String?

    public init(path: String, name: String, layer: ConfigurationOrigin.Layer, boundary: String?) {
        self.path = path
        self.name = name
        self.layer = layer
        self.boundary = boundary
    }

    /// `coop.toml`, `coop.local.toml` or the user's `config.toml`.
    public static func project(_ project: Project) -> ConfigurationFile {
        ConfigurationFile(path: project.configurationFile, name: "coop.toml", layer: .project, boundary: project.root)
    }

    public static func local(_ project: Project) -> ConfigurationFile {
        ConfigurationFile(path: project.localConfigurationFile, name: "coop.local.toml", layer: .local, boundary: project.root)
    }

    public static func user(_ home: CoopHome) -> ConfigurationFile {
        ConfigurationFile(
            path: home.configurationFile, name: home.abbreviated(home.configurationFile), layer: .user, boundary: nil)
    }

    /// The bytes; nil when there is no such file.
    ///
    /// - Throws: `CoopError` when it is not a regular file, is larger than the limit, or lies outside the boundary; for the
    ///   user's own file also when it belongs to somebody else or others may write to it.
    public func read() throws(CoopError) -> [UInt8]? {
        guard let (file, _) = try open() else { return nil }
        do {
            return try file.readAll(limit: TOMLDocument.sizeLimit, subject: path)
        } catch {
            let reason =
                error.errno == EFBIG ? "it is larger than \(TOMLDocument.sizeLimit) bytes, which no configuration needs" : error.reason
            throw failure(reason)
        }
    }

    /// The open file and its real path; nil when there is none.
    func open() throws(CoopError) -> (Descriptor, path: String)? {
        // Without O_NONBLOCK, opening a FIFO would wait for a writer (fifo(7)).
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY
        var file: Descriptor
        var realPath = path
        do {
            file = try Descriptor.open(path, flags | O_NOFOLLOW)
        } catch {
            if error.errno == ENOENT { return nil }
            guard error.errno == ELOOP else { throw failure(error.errno == ENXIO ? "it is not a regular file" : error.reason) }
            (file, realPath) = try followLink(flags)
        }
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw failure(SystemError("fstat").reason) }
        guard FileKind(mode: status.st_mode) == .file else { throw failure("it is not a regular file") }
        if layer == .user {
            guard status.st_uid == geteuid() || status.st_uid == 0 else { throw failure("it belongs to user \(status.st_uid)") }
            guard status.st_mode & 0o022 == 0 else {
                throw CoopError(
                    .configuration, "cannot read \(name.printable)", "other users may write to it, and it decides what is trusted",
                    next: "chmod go-w \(path.shellQuoted)")
            }
        }
        return (file, realPath)
    }

    /// The file that a link leads to, checked by what was opened, not by what the path said a moment before.
    private func followLink(_ flags: Int32) throws(CoopError) -> (Descriptor, String) {
        do {
            let place = try Descriptor.open(path, openPathOnly)
            let handle = "/proc/self/fd/\(place.number)"
            guard let target = FileSystem.readLink(handle) else { throw failure("it is a link that leads nowhere") }
            if let boundary, !FileSystem.contains(boundary, target) {
                throw failure("it is a link to \(target.printable), outside the project")
            }
            guard FileSystem.kind(handle) == .file else { throw failure("it is not a regular file") }
            return (try Descriptor.open(handle, flags), target)
        } catch let error as SystemError {
            throw failure(error.errno == ENOENT ? "it is a link that leads nowhere" : error.reason)
        } catch let error as CoopError {
            throw error
        } catch {
            throw failure("\(error)")
        }
    }

    /// The command with which a person changes it.
    public var editCommand: String {
        switch layer {
        case .user: "coop config edit --user"
        case .local: "coop config edit --local"
        default: "coop config edit"
        }
    }

    func failure(_ reason: String) -> CoopError {
        CoopError(.configuration, "cannot read \(name.printable)", reason, next: "ls -l \(path.shellQuoted)")
    }
}

/// O_PATH (open(2)), which Swift does not import: it needs _GNU_SOURCE.
private let openPathOnly: Int32 = 0o10000000
