import Glibc
import LinuxKernel

/// A directory for one test, removed with it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = "/tmp/coop-vault-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        try FileSystem.makeDirectories(path, mode: 0o700)
    }

    deinit { try? FileSystem.removeTree(path) }

    func path(_ name: String) -> String { FileSystem.join(path, name) }

    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws {
        try FileSystem.makeDirectories(FileSystem.parent(of: path(name)))
        try FileSystem.replace(path(name), with: Array(text.utf8), mode: mode)
    }

    func read(_ name: String) throws -> String { String(decoding: try FileSystem.read(path(name)), as: UTF8.self) }
}
