import CLinux
import Glibc
import LinuxKernel
import TestSupport

/// A directory that is gone when the test is.
final class TemporaryDirectory: Sendable {
    let path: String

    init(in parent: String = "/tmp") throws {
        var name = Array("\(parent)/coop-review-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw SystemError("mkdtemp") }
        path = String(osBytes: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)))
        chmod(path, 0o755)
    }

    deinit { try? FileSystem.removeTree(path) }

    func callAsFunction(_ name: String) -> String { FileSystem.join(path, name) }
}

/// Trees of everything that a working tree can hold, and random changes of them.
struct RandomTree {
    var random: SeededGenerator

    /// Among them two that Swift takes for the same, bytes that are no text, a line feed, and what looks like something else.
    static let names: [String] = [
        "a", "b", "src", "main.c", "a-b", "a b", "caf\u{E9}", "cafe\u{301}", String(osBytes: [0x66, 0xFF, 0xFE]), "new\nline", ".hidden",
        "x\u{200C}", "-rf", "\u{10FF80}", "..x", "A",
    ]

    init(seed: UInt64) { random = SeededGenerator(seed) }

    mutating func fill(_ directory: String, entries: Int = 12, depth: Int = 0) throws {
        for _ in 0..<Int.random(in: 1...entries, using: &random) { try add(to: directory, depth: depth) }
    }

    private mutating func add(to directory: String, depth: Int) throws {
        guard let name = RandomTree.names.randomElement(using: &random) else { return }
        let path = FileSystem.join(directory, name)
        if FileSystem.kind(path, followLinks: false) != nil { return }
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3 where depth < 4:
            try FileSystem.makeDirectories(path, mode: 0o755)
            try fill(path, entries: 6, depth: depth + 1)
            setMode(path, [0o755, 0o755, 0o700, 0o775, 0o555, 0o2755])
        case 3:
            let target = ["main.c", "../a", "/nonexistent", "/etc/passwd", String(osBytes: [0xFF]), "src"].randomElement(using: &random)
            try check("symlink", path) { (target ?? "x").withOSBytes { to in path.withOSBytes { symlink(to, $0) } } }
        case 4:
            if let other = try FileSystem.list(directory).first(where: {
                FileSystem.kind(directory + "/" + $0, followLinks: false) == .file
            }) {
                _ = (directory + "/" + other).withOSBytes { from in path.withOSBytes { link(from, $0) } }
            }
        default: try write(path)
        }
    }

    mutating func write(_ path: String) throws {
        let size = [0, 1, 10, 5000, 300_000].randomElement(using: &random) ?? 0
        let byte = UInt8.random(in: 0...255, using: &random)
        let bytes = [UInt8](repeating: byte, count: size)
        path.withOSBytes { _ = unlink($0) }
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        try file.writeAll(bytes)
        if Int.random(in: 0..<4, using: &random) == 0 {
            let value = Array("value \(byte)".utf8)
            try check("fsetxattr", path) { coop_set_attribute(file.number, "user.coop.test", value, value.count) }
        }
        setMode(path, [0o644, 0o644, 0o755, 0o600, 0o444, 0o664, 0o4755])
    }

    private mutating func setMode(_ path: String, _ modes: [mode_t]) {
        _ = path.withOSBytes { chmod($0, modes.randomElement(using: &random) ?? 0o644) }
    }

    /// Changes some of it: contents, modes, kinds; removes and adds, and moves whole directories.
    mutating func change(_ directory: String, depth: Int = 0) throws {
        _ = directory.withOSBytes { chmod($0, 0o755) }
        for name in try FileSystem.list(directory).sorted() {
            let path = FileSystem.join(directory, name)
            let kind = FileSystem.kind(path, followLinks: false)
            switch Int.random(in: 0..<12, using: &random) {
            case 0: try FileSystem.removeTree(path)
            case 1:
                try FileSystem.removeTree(path)
                try add(to: directory, depth: depth)
            case 2 where kind == .file: try write(path)
            case 3 where kind == .file: setMode(path, [0o644, 0o755, 0o600])
            case 4 where kind == .directory: setMode(path, [0o755, 0o700, 0o555])
            case 5:
                let other = FileSystem.join(directory, "moved\(Int.random(in: 0..<3, using: &random))")
                if FileSystem.kind(other, followLinks: false) == nil {
                    _ = path.withOSBytes { from in other.withOSBytes { rename(from, $0) } }
                }
            case 6...8 where kind == .directory: try change(path, depth: depth + 1)
            default: break
            }
        }
        if Bool.random(using: &random) { try add(to: directory, depth: depth) }
        if depth > 0 { setMode(directory, [0o755, 0o755, 0o555]) }
    }

    /// A copy of a tree, each file by itself.
    static func copy(_ tree: String, to target: String) throws {
        let outcome = try ChildProcess.run(["/bin/cp", "--recursive", "--no-dereference", "--preserve=mode,xattr,ownership", tree, target])
        guard outcome.exitCode == 0 else { throw TestSupportError("cp: \(outcome)") }
    }

    /// Everything there is in a tree, a line a path, to compare.
    static func listing(_ tree: String, _ prefix: String = "") throws -> [String] {
        var result: [String] = []
        for name in try FileSystem.list(tree) {
            let path = FileSystem.join(tree, name)
            guard let status = try FileSystem.status(path, followLinks: false) else { continue }
            let shown = prefix + name.osBytes.map { String($0, radix: 16) }.joined(separator: ".")
            let mode = String(status.st_mode, radix: 8)
            switch FileKind(mode: status.st_mode) {
            case .directory:
                result.append("\(shown) \(mode)")
                result += try listing(path, shown + "/")
            case .symlink: result.append("\(shown) -> \(FileSystem.readLink(path)?.osBytes.description ?? "?")")
            case .file:
                var hasher = Hasher()
                try FileSystem.read(path).withUnsafeBytes { hasher.combine(bytes: $0) }
                let hash = hasher.finalize()
                let file = try Descriptor.open(path, O_RDONLY)
                var value = [UInt8](repeating: 0, count: 64)
                let count = coop_get_attribute(file.number, "user.coop.test", &value, value.count)
                result.append(
                    "\(shown) \(mode) \(status.st_size) \(hash) \(count > 0 ? String(decoding: value[..<count], as: UTF8.self) : "")")
            default: result.append("\(shown) \(mode)")
            }
        }
        return result.sorted()
    }

}
