import Glibc
import LinuxKernel
import Overlays
import Review
import TestSupport
import Testing

/// How the tree was stays known, whatever the user does to it, and becomes what was applied.
@Suite struct OverlayBaseTests {
    private func known(_ version: BaseVersion) throws -> String? {
        if case .known(let version) = version { return try version.text() }
        return nil
    }

    @Test("what the session changed keeps its old content, although the tree goes on")
    func contents() throws {
        let place = try OverlayPlace()
        for name in ["both", "untouched", "replaced", "gone"] { try place.write(name, "old \(name)") }
        try place.begin()
        for name in ["both", "untouched", "replaced", "gone"] { try place.change(name, "the session's") }
        _ = try place.end()
        try place.write("both", "the user's")
        try FileSystem.removeFile(place.tree + "/gone")
        try FileSystem.removeFile(place.tree + "/replaced")
        try place.write("replaced", "old replaced")
        let session = try place.session()
        #expect(session.root == place.tree)
        for name in ["both", "untouched", "replaced", "gone"] {
            #expect(try known(session.base(of: name)) == "old \(name)", "\(name)")
            #expect(try session.isUntouched(name) == (name == "untouched"), "\(name)")
        }
        guard case .absent = try session.base(of: "nothing") else { throw TestSupportError("there was nothing") }
        #expect(try session.isUntouched("nothing"))
        try place.write("nothing", "the user's")
        #expect(try !session.isUntouched("nothing"))
    }

    @Test("a content that was lost while the session ran is said to be lost")
    func lost() throws {
        let place = try OverlayPlace()
        // Too large for a copy beside the command.
        try place.write("large", String(repeating: "x", count: 2 << 20))
        try place.begin()
        try place.change("large", "small")
        try place.write("large", "the user's")
        _ = try place.end()
        let session = try place.session()
        guard case .contentLost(let version) = try session.base(of: "large") else { throw TestSupportError("it is not lost") }
        #expect(version.size == 2 << 20)
        #expect(throws: (any Error).self) { _ = try version.open() }
        #expect(try session.changes().lines == ["* large"])
    }

    @Test("the user's own new files and edits are no changes of the session's")
    func edits() throws {
        let place = try OverlayPlace()
        try place.write("a", "a")
        try place.write("dir/b", "b")
        try place.begin()
        try place.change("dir/c", "c")
        try place.write("a", "edited")
        try place.write("new", "new")
        try FileSystem.removeTree(place.tree + "/dir")
        #expect(try #require(try place.end()).changes().lines == ["+ dir/c"])
    }

    @Test("an overlay without a change is removed")
    func unchanged() throws {
        let place = try OverlayPlace()
        try place.write("a", "a")
        try place.begin()
        try place.change("a", "a")
        #expect(try place.end() == nil)
        #expect(FileSystem.kind(place.directory.path) == nil)
    }

    @Test("a file of holes is kept as one, between others, and compared as one")
    func holes() throws {
        let place = try OverlayPlace()
        try place.begin()
        try place.change("a", "first")
        try place.change("big", "begin")
        try place.change("c", "last")
        let big = place.directory.upper + "/big"
        let file = try Descriptor.open(big, O_WRONLY)
        let size: off_t = 3 << 40
        try check("pwrite") { pwrite(file.number, "middle", 6, size / 2) }
        try check("ftruncate") { ftruncate(file.number, size) }
        let session = try #require(try place.end())
        try session.accept(session.changes().map { AcceptedVersion(path: $0.path, version: $0.after) })
        var status = stat()
        try check("stat") { stat(place.directory.base + "/accepted.contents", &status) }
        #expect(status.st_size > size)
        #expect(status.st_blocks < 1 << 12)
        // All of it is the base.
        #expect(try place.session().changes().isEmpty)
        try check("pwrite") { pwrite(file.number, "MIDDLE", 6, size / 2) }
        let changes = try place.session().changes()
        #expect(changes.lines == ["* big"])
        #expect(changes[0].before?.size == UInt64(size))
        let old = try #require(try changes[0].before?.open())
        var bytes = [UInt8](repeating: 1, count: 8)
        #expect(pread(old.number, &bytes, 8, size / 2) == 8)
        #expect(bytes == Array("middle".utf8) + [0, 0])
        #expect(pread(old.number, &bytes, 8, 0) == 8)
        #expect(bytes == Array("begin".utf8) + [0, 0, 0])
        try place.change("c", "LAST")
        #expect(try place.session().changes()[1].before?.text() == "last")
    }

    @Test("what was accepted is the base from then on")
    func accepted() throws {
        let place = try OverlayPlace()
        for name in ["a", "b", "gone"] { try place.write(name, "old\n") }
        try place.begin()
        for name in ["a", "b", "new"] { try place.change(name, "new\n") }
        try place.whiteOut("gone")
        var session = try #require(try place.end())
        let first = try session.changes()
        #expect(first.lines == ["* a", "* b", "- gone", "+ new"])
        try session.accept(first.filter { $0.path != "b" }.map { AcceptedVersion(path: $0.path, version: $0.after) })
        session = try place.session()
        #expect(try session.changes().lines == ["* b"])
        #expect(try known(session.base(of: "a")) == "new\n")
        guard case .absent = try session.base(of: "gone") else { throw TestSupportError("it is gone") }
        // Further work of a session that still runs.
        try place.change("a", "newer\n")
        try FileSystem.removeFile(place.directory.upper + "/new")
        #expect(try session.changes().lines == ["* a", "* b", "- new"])
        // Compared as a whole with what the tree has now.
        #expect(try !session.isUntouched("a"))
        try place.write("a", "new\n")
        #expect(try session.isUntouched("a"))
        // Taken back.
        try session.accept([AcceptedVersion(path: "a", version: first[0].before), AcceptedVersion(path: "gone", version: first[2].before)])
        session = try place.session()
        #expect(try session.changes(["gone"]).lines == ["- gone"])
        #expect(try known(session.base(of: "a")) == "old\n")
        try session.discard(to: place.trash)
        #expect(try OverlaySession.open(place.directory) == nil)
    }

    @Test("a block of the journal that was not written to its end does not count")
    func tornJournal() throws {
        let place = try OverlayPlace()
        for name in ["a", "b"] { try place.write(name, "old\n") }
        try place.begin()
        for name in ["a", "b"] { try place.change(name, "new\n") }
        let session = try #require(try place.end())
        let changes = try session.changes()
        try session.accept([AcceptedVersion(path: "a", version: changes[0].after)])
        let journal = place.directory.base + "/accepted"
        let whole = try FileSystem.read(journal).count
        try session.accept([AcceptedVersion(path: "b", version: changes[1].after)])
        #expect(try place.session().changes().isEmpty)
        for count in whole..<(try FileSystem.read(journal).count) {
            try check("truncate") { truncate(journal, off_t(count)) }
            #expect(try place.session().changes().lines == ["* b"])
        }
        // The next block takes the place of the rest.
        try place.session().accept([AcceptedVersion(path: "b", version: changes[1].after)])
        #expect(try place.session().changes().isEmpty)
    }

    @Test("a base that is damaged is an error, never another tree")
    func damaged() throws {
        let place = try OverlayPlace()
        try place.write("dir/file", "x")
        try place.begin()
        try place.change("dir/file", "y")
        _ = try place.end()
        let path = place.directory.base + "/tree"
        let bytes = try FileSystem.read(path)
        for count in [0, 8, 95, 96, 100, bytes.count / 2, bytes.count - 1] {
            try FileSystem.replace(path, with: bytes.prefix(count))
            #expect(throws: (any Error).self) { _ = try OverlaySession.open(place.directory) }
        }
        for place in stride(from: 0, to: bytes.count, by: 1) {
            var other = bytes
            other[place] ^= 0xFF
            try FileSystem.replace(path, with: other)
            // Whatever it says, it must not trap or go in a circle.
            _ = try? OverlaySession.open(OverlayDirectory(path: FileSystem.parent(of: FileSystem.parent(of: path))))?.changes()
        }
    }
}
