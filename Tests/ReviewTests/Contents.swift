import Glibc
import LinuxKernel
import Review
import TestSupport

/// Versions of files for tests.
extension FileVersion {
    static func file(_ text: String, mode: UInt32 = 0o644, attributes: [String: [UInt8]] = [:]) -> FileVersion {
        file(bytes: Array(text.utf8), mode: mode, attributes: attributes)
    }

    static func file(bytes: [UInt8], mode: UInt32 = 0o644, attributes: [String: [UInt8]] = [:]) -> FileVersion {
        FileVersion(kind: .file, mode: mode, size: UInt64(bytes.count), attributes: attributes) {
            // A file without a name, read from its beginning.
            let file = try Descriptor.open("/tmp", O_RDWR | 0o20_200_000, mode: 0o600)
            try file.writeAll(bytes, subject: "test")
            lseek(file.number, 0, SEEK_SET)
            return file
        }
    }

    static func symlink(_ target: String) -> FileVersion {
        FileVersion(kind: .symlink, mode: 0o777, size: UInt64(target.utf8.count), target: target) {
            throw SystemError("open", target, errno: ELOOP)
        }
    }

    static let directory = FileVersion(kind: .directory, mode: 0o755) { throw SystemError("open", "", errno: EISDIR) }
}

/// A directory of a test's own, removed with it.
final class Scratch {
    let path: String

    init() throws {
        path = "/tmp/coop-review.\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
        try FileSystem.makeDirectories(path)
    }

    deinit { try? FileSystem.removeTree(path) }

    func callAsFunction(_ name: String) -> String { FileSystem.join(path, name) }

    func write(_ name: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws {
        try FileSystem.makeDirectories(FileSystem.parent(of: self(name)), mode: 0o755)
        try FileSystem.removeFile(self(name))
        let file = try Descriptor.open(self(name), O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        try file.writeAll(bytes, subject: name)
        fchmod(file.number, mode)
    }

    /// Runs a program in it.
    func run(_ command: [String]) throws -> ChildProcess.Outcome {
        try ChildProcess.run(command, directory: path)
    }
}
