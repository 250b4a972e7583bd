import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Testing

/// A directory for one test, removed with its owner.
final class Scratch: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/coop-projects-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { try? FileSystem.removeTree(path) }

    func callAsFunction(_ name: String) -> String { FileSystem.join(path, name) }

    /// Writes a file, with the directories above it.
    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        let file = self(name)
        try FileSystem.makeDirectories(FileSystem.parent(of: file))
        try FileSystem.replace(file, with: text.utf8, mode: mode)
        return file
    }

    func directory(_ name: String) throws -> String {
        try FileSystem.makeDirectories(self(name))
        return self(name)
    }

    func link(_ name: String, to target: String) { _ = symlink(target, self(name)) }

    func text(_ name: String) throws -> String { String(decoding: try FileSystem.read(self(name)), as: UTF8.self) }

    /// A home whose `.coop` is in the scratch directory.
    func home() throws -> CoopHome {
        let user = try directory("home")
        return try CoopHome.locate { $0 == "HOME" ? user : nil }
    }

    /// A project with the given files.
    func project(_ toml: String? = nil, local: String? = nil) throws -> Project {
        _ = try directory("home/project")
        if let toml { try write("home/project/coop.toml", toml) }
        if let local { try write("home/project/coop.local.toml", local) }
        return Project(
            root: self("home/project"), shownRoot: self("home/project"), currentDirectory: self("home/project"),
            evidence: .configurationFile)
    }
}

/// The error that `body` throws; fails the test when it throws none.
func coopError<Result>(_ body: () throws -> Result, at location: SourceLocation = #_sourceLocation) -> CoopError? {
    do {
        _ = try body()
        Issue.record("nothing was thrown", sourceLocation: location)
    } catch let error as CoopError {
        return error
    } catch {
        Issue.record("\(error)", sourceLocation: location)
    }
    return nil
}
