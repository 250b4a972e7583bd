import Glibc
import LinuxKernel
import Overlays
import TestSupport
import Testing

/// Directories that are nested deeper than any program would, and names that make a path too long.
@Suite struct DeepOverlayTests {
    @Test("what a session has nested too deep is one change that cannot be carried over", arguments: [129, 3000])
    func deep(_ levels: Int) throws {
        let place = try OverlayPlace()
        try place.begin()
        try place.nest(levels, of: "d", in: place.directory.upper)
        try place.change("beside", "x")
        let session = try #require(try place.end())
        let changes = try session.changes()
        #expect(changes.count == 130)
        #expect(changes[0].path == "beside")
        #expect(changes.dropFirst().dropLast().allSatisfy { $0.after?.kind == .directory })
        #expect(changes.last?.after?.kind == .other(what: "a directory more than 128 levels deep"))
        #expect(try session.hasChanges())
        try session.discard(to: place.trash)
        #expect(FileSystem.kind(place.directory.path) == nil)
    }

    @Test("what has too long a path is one change that cannot be carried over")
    func long() throws {
        let place = try OverlayPlace()
        try place.begin()
        let name = String(repeating: "n", count: 255)
        try place.nest(20, of: name, in: place.directory.upper)
        let changes = try #require(try place.end()).changes()
        #expect(changes.count == 16)
        #expect(changes.dropLast().allSatisfy { $0.after?.kind == .directory })
        #expect(changes.last?.after?.kind == .other(what: "something with too long a path"))
    }

    @Test("the rights that a session has taken on every level cost no more than these levels")
    func locked() throws {
        let place = try OverlayPlace()
        try place.begin()
        try place.nest(500, of: "d", in: place.directory.upper, mode: 0)
        let changes = try #require(try place.end()).changes()
        #expect(changes.count == 129)
        #expect(changes.dropLast().allSatisfy { $0.after?.mode == 0 })
    }

    @Test("a deep tree below is removed and moved like any other", arguments: [1500, 3000])
    func base(_ levels: Int) throws {
        let place = try OverlayPlace()
        try place.nest(levels, of: "d", in: place.tree)
        try place.begin()
        try place.whiteOut("d")
        // What can be named by its path at all, 2048 directories of two bytes each, and what was listed in the last of them.
        let changes = try #require(try place.end()).changes()
        #expect(changes.count == (levels == 1500 ? 1501 : 2049))
        #expect(changes.allSatisfy { $0.after == nil })
    }
}
