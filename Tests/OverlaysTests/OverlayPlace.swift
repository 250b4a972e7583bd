import Glibc
import LinuxKernel
import Overlays
import Review
import TestSupport

/// An overlay that a test writes by hand, without a mount: a tree, and what overlayfs would have made of a session's changes.
final class OverlayPlace {
    let path: String
    var tree: String { path + "/tree" }
    var directory: OverlayDirectory { OverlayDirectory(path: path + "/overlay") }
    var trash: Trash { Trash(directory: path + "/removed") }
    private(set) var recorder: OverlayRecorder?

    init() throws {
        var template = Array("/tmp/coop-overlay-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try FileSystem.makeDirectories(tree, mode: 0o755)
    }

    deinit { try? FileSystem.removeTree(path) }

    func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws { try write(text, to: tree + "/" + name, mode: mode) }

    func change(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
        try write(text, to: directory.upper + "/" + name, mode: mode)
    }

    private func write(_ text: String, to path: String, mode: mode_t) throws {
        try FileSystem.makeDirectories(FileSystem.parent(of: path), mode: 0o755)
        // In place: a replaced file would be another one.
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
        try file.writeAll(text.utf8)
        try check("chmod", path) { fchmod(file.number, mode) }
    }

    /// What overlayfs puts in the place of something that was removed.
    func whiteOut(_ name: String) throws {
        let path = directory.upper + "/" + name
        try FileSystem.makeDirectories(FileSystem.parent(of: path), mode: 0o755)
        try check("mknod", path) { path.withOSBytes { mknod($0, S_IFCHR, 0) } }
    }

    func makeDirectory(_ name: String) throws { try FileSystem.makeDirectories(directory.upper + "/" + name, mode: 0o755) }

    /// Makes `name` in `path`, `levels` of them one in the other, with a file in the innermost. Only `mkdirat` gets so far.
    func nest(_ levels: Int, of name: String, in path: String, mode: mode_t = 0o755) throws {
        var directory = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
        var above: [Descriptor] = []
        for _ in 0..<levels {
            try check("mkdirat", name) { mkdirat(directory.number, name, 0o755) }
            if mode != 0o755 { above.append(directory) }
            directory = Descriptor(owning: try check("openat", name) { openat(directory.number, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
        }
        _ = Descriptor(owning: try check("openat", "file") { openat(directory.number, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600) })
        for directory in above.reversed() { try check("fchmodat", name) { fchmodat(directory.number, name, mode, 0) } }
    }

    func setAttribute(_ name: String, _ value: String, of path: String) throws {
        let code = "import os,sys; os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode(), follow_symlinks=False)"
        let outcome = try ChildProcess.run(["python3", "-c", code, path, name, value], environment: ["PATH": Sandboxed.path])
        guard outcome.exitCode == 0 else { throw TestSupportError("setxattr: \(outcome)") }
    }

    /// Looks at the tree as a session that begins does.
    func begin(covered: [String] = [], standing: [String] = [], isTrusted: Bool = false) throws {
        try directory.make(over: tree)
        let made = try OverlayRecorder(
            directory, OverlayRecorder.Setup(root: tree, covered: covered, standing: standing, index: nil, isTrusted: isTrusted))
        try made.start()
        recorder = made
    }

    /// Ends it, and opens what is left; nil when there was no change.
    func end() throws -> OverlaySession? {
        _ = try recorder?.finish()
        return try OverlaySession.open(directory)
    }

    func session() throws -> OverlaySession {
        guard let session = try OverlaySession.open(directory) else { throw TestSupportError("there is no overlay") }
        return session
    }
}

extension FileVersion {
    func text() throws -> String { String(osBytes: try open().readAll()) }
}

extension [Change] {
    /// `+ path`, `- path`, `* path`, and where it came from.
    var lines: [String] {
        map { change in
            let sign = change.before == nil ? "+" : change.after == nil ? "-" : "*"
            return "\(sign) \(change.path)" + (change.origin.map { " < \($0)" } ?? "")
        }
    }
}
