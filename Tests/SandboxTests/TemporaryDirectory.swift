import Glibc
import LinuxKernel

/// A directory that goes with this object.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/coop-sandbox-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { try? FileSystem.removeTree(path) }

    func directory(_ name: String) throws -> String {
        let result = path + "/" + name
        try FileSystem.makeDirectories(result, mode: 0o755)
        return result
    }

    @discardableResult
    func file(_ name: String, _ text: String = "") throws -> String {
        let result = path + "/" + name
        try FileSystem.makeDirectories(FileSystem.parent(of: result), mode: 0o755)
        try FileSystem.replace(result, with: text.utf8, mode: 0o755)
        return result
    }

    func link(_ name: String, to target: String) throws { try check("symlink") { symlink(target, path + "/" + name) } }
}
