import CoopErrors
import Glibc
import LinuxKernel
import Review
import TestSupport
import Testing

/// Changes against a tree that its owner has worked in meanwhile.
@Suite struct LandingPlannerTests {
    private let root: TemporaryDirectory

    init() throws { root = try TemporaryDirectory() }

    private func write(_ path: String, _ text: String, mode: mode_t = 0o644) throws {
        try FileSystem.makeDirectories(FileSystem.parent(of: root(path)), mode: 0o755)
        try FileSystem.replace(root(path), with: text.utf8, mode: mode)
    }

    /// Nothing is known about what is untouched: contents decide.
    private func plan(_ changes: [Change]) throws -> LandingPlan { try LandingPlanner(root: root.path) { _, _ in false }.plan(changes) }

    private let lost = FileVersion(kind: .file, mode: 0o644, size: 4) { throw SystemError("open", "base", errno: ENODATA) }

    @Test func aPathThatIsAsItWasTakesTheChange() throws {
        try write("a", "old")
        let plan = try plan([Change(path: "a", before: .file("old"), after: .file("new"))])
        #expect(plan.items.map(\.edit.path) == ["a"])
        #expect(plan.items.first?.isMerged == false)
        #expect(plan.conflicts == [])
    }

    @Test func whatIsThereAlreadyIsNothing() throws {
        try write("a", "new")
        let plan = try plan([
            Change(path: "a", before: .file("old"), after: .file("new")), Change(path: "gone", before: .file("x"), after: nil),
        ])
        #expect(plan.items.isEmpty && plan.conflicts.isEmpty)
        #expect(plan.settled.map(\.path) == ["a", "gone"])
    }

    @Test func editsOfBothAreBroughtTogether() throws {
        try write("a", "ONE\ntwo\nthree\n", mode: 0o755)
        let plan = try plan([Change(path: "a", before: .file("one\ntwo\nthree\n"), after: .file("one\ntwo\nTHREE\n"))])
        let item = try #require(plan.items.first)
        #expect(item.isMerged)
        #expect(try item.edit.version?.content(limit: 100) == Array("ONE\ntwo\nTHREE\n".utf8))
        // The mode is the user's, since the change has none of its own.
        #expect(item.edit.version?.mode == 0o755)
        // What is offered later is compared with what the session had, not with the two together.
        #expect(try item.change.after?.content(limit: 100) == Array("one\ntwo\nTHREE\n".utf8))
    }

    @Test func whatCannotBeBroughtTogetherIsAConflict() throws {
        try write("lines", "mine\n")
        try write("binary", "mine\0")
        try write("changed", "mine")
        try write("both", "mine")
        try write("lost", "mine")
        symlink("mine", root("link"))
        let plan = try plan([
            Change(path: "lines", before: .file("base\n"), after: .file("theirs\n")),
            Change(path: "binary", before: .file("base\0"), after: .file("theirs\0")),
            Change(path: "changed", before: .file("base"), after: nil),
            Change(path: "removed", before: .file("base"), after: .file("theirs")),
            Change(path: "both", before: nil, after: .file("theirs")), Change(path: "lost", before: lost, after: .file("theirs")),
            Change(path: "link", before: .symlink("base"), after: .symlink("theirs")),
            Change(path: "kind", before: nil, after: FileVersion(kind: .other(what: "a socket"), mode: 0) { throw SystemError("open") }),
        ])
        #expect(plan.items.isEmpty)
        #expect(plan.conflicts.map(\.path).sorted() == ["binary", "both", "changed", "kind", "lines", "link", "lost", "removed"])
    }

    @Test func aDirectoryWithTheUsersOwnFilesStays() throws {
        try write("d/theirs", "x")
        try write("d/mine", "y")
        let plan = try plan([Change(path: "d", before: .directory, after: nil), Change(path: "d/theirs", before: .file("x"), after: nil)])
        #expect(plan.conflicts == [])
        #expect(plan.items.map(\.edit.path) == ["d/theirs"])
        let replaced = try self.plan([
            Change(path: "d", before: .directory, after: .file("f")), Change(path: "d/theirs", before: .file("x"), after: nil),
        ])
        #expect(replaced.conflicts.map(\.path) == ["d"])
    }

    @Test func nothingIsPutIntoADirectoryThatIsGone() throws {
        let plan = try plan([Change(path: "gone/new", before: nil, after: .file("x"))])
        #expect(plan.conflicts.map(\.path) == ["gone/new"])
    }

    @Test func aPathBehindALinkIsAConflict() throws {
        let outside = try TemporaryDirectory()
        symlink(outside.path, root("link"))
        let plan = try plan([Change(path: "link/x", before: nil, after: .file("x"))])
        #expect(plan.conflicts.map(\.path) == ["link/x"])
        #expect(plan.items.isEmpty)
    }

    @Test func aLinkThatBecomesADirectoryTakesWhatIsInIt() throws {
        let outside = try TemporaryDirectory()
        try FileSystem.replace(outside("x"), with: "outside".utf8)
        symlink(outside.path, root("link"))
        let changes = [
            Change(path: "link", before: .symlink(outside.path), after: .directory),
            Change(path: "link/deep", before: nil, after: .directory), Change(path: "link/deep/y", before: nil, after: .file("y")),
            Change(path: "link/x", before: nil, after: .file("mine")),
        ]
        let plan = try plan(changes)
        #expect(plan.conflicts == [])
        let store = LandingStore(directory: root.path + ".store")
        defer { try? FileSystem.removeTree(store.directory) }
        let record = try TreeTransaction(
            root: root.path, store: store, note: LandingNote(kind: .apply, subject: "test"), edits: plan.edits
        ).run()
        #expect(try FileSystem.read(root("link/x")) == Array("mine".utf8) && FileSystem.read(root("link/deep/y")) == Array("y".utf8))
        #expect(try FileSystem.list(outside.path) == ["x"] && FileSystem.read(outside("x")) == Array("outside".utf8))
        // And back.
        let kept = try #require(record)
        let back = try LandingPlanner(root: root.path) { change, now in kept.holds(change.path, now) ?? false }.plan(try kept.reversed())
        #expect(back.conflicts == [])
        try TreeTransaction(root: root.path, store: store, note: LandingNote(kind: .undo, subject: "test"), edits: back.edits).run()
        #expect(FileSystem.readLink(root("link")) == outside.path)
        // The user's own link in its place is a conflict, with all that would go behind it.
        try FileSystem.removeFile(root("link"))
        symlink("/tmp", root("link"))
        let refused = try self.plan(changes)
        #expect(
            refused.items.isEmpty && refused.conflicts.map(\.path) == ["link", "link/deep", "link/deep/y", "link/x"], "\(refused.conflicts)"
        )
    }

    /// To Swift these are equal strings; to the kernel they are two files.
    @Test func namesAreBytes() throws {
        try write("caf\u{E9}", "one")
        try write("cafe\u{301}", "two")
        let plan = try plan([Change(path: "cafe\u{301}", before: .file("two"), after: .file("new"))])
        try TreeTransaction(
            root: root.path, store: LandingStore(directory: root("../\(FileSystem.lastComponent(of: root.path)).store")),
            note: LandingNote(kind: .apply, subject: "test"), edits: plan.edits
        ).run()
        #expect(try FileSystem.read(root("caf\u{E9}")) == Array("one".utf8))
        #expect(try FileSystem.read(root("cafe\u{301}")) == Array("new".utf8))
        try FileSystem.removeTree(root.path + ".store")
    }

    @Test func choosingAPathBringsWhatItNeeds() throws {
        let changes = [
            Change(path: "d", before: nil, after: .directory), Change(path: "d/e", before: nil, after: .directory),
            Change(path: "d/e/f", before: nil, after: .file("f")), Change(path: "d/g", before: nil, after: .file("g")),
            Change(path: "new", before: nil, after: .file("m"), origin: "old"), Change(path: "old", before: .file("m"), after: nil),
            Change(path: "x", before: .directory, after: .file("x")), Change(path: "x/y", before: .file("y"), after: nil),
        ]
        func chosen(_ paths: String...) throws -> [String] {
            try ChangeSelection.select(paths, from: changes, next: "coop diff").map(\.path)
        }
        #expect(try chosen("d/e/f") == ["d", "d/e", "d/e/f"])
        #expect(try chosen("new") == ["new", "old"])
        #expect(try chosen("x") == ["x", "x/y"])
        #expect(try chosen("d") == ["d", "d/e", "d/e/f", "d/g"])
        #expect(try chosen() == changes.map(\.path))
        #expect(throws: CoopError.self) { try chosen("nothing") }
        #expect(throws: CoopError.self) { try chosen("ne") }
    }
}
