import Glibc
import LinuxKernel
import Testing

@testable import Workspaces

@Suite struct ChangedFilesTests {
    private let temporary: TemporaryDirectory
    private let root: String
    private static let patience: UInt64 = 60_000

    init() throws {
        temporary = try TemporaryDirectory()
        root = temporary("w")
        try FileSystem.makeDirectories(root)
    }

    private func write(_ path: String, _ text: String = "x") throws {
        try FileSystem.makeDirectories(FileSystem.parent(of: root + "/" + path))
        try writeFile(root + "/" + path, Array(text.utf8))
    }

    /// The workspace as it is now, known.
    private func begun() -> ChangedFiles {
        // What was written in the tick of the beginning counts.
        waitForTick()
        var files = ChangedFiles(root: root)
        files.survey(milliseconds: Self.patience)
        return files
    }

    /// Until everything written so far lies before the clock that files are stamped with: a tick may be late by another one.
    private func waitForTick() {
        for _ in 0..<3 {
            let before = tick()
            while tick() == before {}
        }
    }

    private func tick() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return time.tv_nsec
    }

    private func look(_ files: inout ChangedFiles) -> [String] {
        files.look(milliseconds: Self.patience).map { "\($0.kind.rawValue) \($0.path)" }
    }

    @Test func `what is gone is told once, wherever it was known from`() throws {
        for path in ["a", "b", "sub/c", "sub/deep/d", "kept/e"] { try write(path) }
        var files = begun()
        try FileSystem.removeFile(root + "/a")
        try FileSystem.removeTree(root + "/sub")
        #expect(look(&files) == ["removed a", "removed sub/c", "removed sub/deep/d"])
        #expect(look(&files) == [])
        try write("new/f")
        #expect(look(&files) == ["created new/f"])
        try FileSystem.removeTree(root + "/new")
        #expect(look(&files) == ["removed new/f"])
        // What came and went between two looks nobody knows.
        try write("short")
        try FileSystem.removeFile(root + "/short")
        #expect(look(&files) == [])
    }

    @Test func `a file that is replaced has changed, and one that is moved is gone here and new there`() throws {
        for path in ["a", "b", "dir/c"] { try write(path) }
        var files = begun()
        try write("a.new")
        try FileSystem.rename(root + "/a.new", to: root + "/a")
        try FileSystem.rename(root + "/b", to: root + "/z")
        try FileSystem.rename(root + "/dir", to: root + "/other")
        #expect(look(&files).sorted() == ["changed a", "created other/c", "created z", "removed b", "removed dir/c"])
        // A directory in the place of a file, and a link.
        try FileSystem.removeFile(root + "/z")
        try write("z/inner")
        _ = symlink("nowhere", root + "/link")
        #expect(look(&files).sorted() == ["created link", "created z/inner", "removed z"])
    }

    @Test func `what is generated, and git's, is not seen to come or go`() throws {
        for path in [".git/HEAD", "node_modules/x", "sub/build/y", "sub/z"] { try write(path) }
        var files = begun()
        for path in [".git", "node_modules", "sub/build"] { try FileSystem.removeTree(root + "/" + path) }
        try write("target/x")
        #expect(look(&files) == [])
    }

    @Test func `a directory that cannot be read has lost nothing`() throws {
        try write("closed/a")
        var files = begun()
        // A link in its place is not followed, and what it hides is gone from there.
        try FileSystem.rename(root + "/closed", to: temporary("away"))
        _ = symlink(temporary("away"), root + "/closed")
        #expect(look(&files) == ["created closed", "removed closed/a"])
    }

    @Test func `no more than two hundred changes are told at once, those near the root first`() throws {
        for number in 0..<300 { try write("sub/\(number)") }
        try write("top")
        var files = begun()
        for number in 0..<300 { try write("sub/\(number)", "changed") }
        try write("top", "changed")
        let changes = look(&files)
        #expect(changes.count == 200 && changes.first == "changed top" && changes.allSatisfy { $0.hasPrefix("changed ") })
        try FileSystem.removeTree(root + "/sub")
        let removed = look(&files)
        #expect(removed.count == 200 && removed.allSatisfy { $0.hasPrefix("removed sub/") })
        #expect(look(&files) == [])
    }

    @Test func `of a very large repository what is near the root is told, and nothing that was not reached is missed`() throws {
        try write(".git/HEAD")
        try write("top")
        for directory in 0..<12 { for number in 0..<1000 { try write("d\(directory)/\(number)", "") } }
        var files = begun()
        try write("top", "changed")
        try write("new")
        // Each look reads other entries of a directory that is cut off, if the file system says so; none of those may seem to be gone.
        #expect(look(&files).sorted() == ["changed top", "created new"])
        try FileSystem.removeFile(root + "/top")
        #expect(look(&files) == ["removed top"])
        #expect(look(&files) == [])
    }

    @Test func `a large directory that is no repository is left alone`() throws {
        for directory in 0..<11 { for number in 0..<1000 { try write("d\(directory)/\(number)", "") } }
        var files = begun()
        try write("d0/0", "changed")
        try FileSystem.removeFile(root + "/d0/1")
        #expect(look(&files) == [])
    }

    @Test func `a tree deeper than a path can be long is walked as far as it goes`() throws {
        try write(".git/HEAD")
        let name = String(repeating: "d", count: 200)
        // Each is made from within the one above it: the whole path is longer than the kernel takes.
        let script = "import os\nfor _ in range(60): os.mkdir('\(name)'); open('file', 'w').close(); os.chdir('\(name)')"
        try sh(["python3", "-c", script], in: root)
        var files = begun()
        try write("file", "changed")
        try write("\(name)/file", "changed")
        #expect(look(&files) == ["changed file", "changed \(name)/file"])
        #expect(look(&files) == [])
        try sh(["rm", "-rf", name], in: root)
        let removed = look(&files)
        #expect(
            removed.count > 10 && removed.count < 60 && removed.allSatisfy { $0.hasSuffix("/file") && $0.hasPrefix("removed ") },
            "\(removed)")
    }

    @Test func `without time nothing is told, and nothing is missed`() throws {
        try write("a")
        var files = begun()
        try write("b")
        waitForTick()
        #expect(files.look(milliseconds: 0).isEmpty)
        #expect(look(&files) == [])
        try FileSystem.removeFile(root + "/a")
        #expect(files.look(milliseconds: 0).isEmpty)
        #expect(look(&files) == ["removed a"])
    }
}
