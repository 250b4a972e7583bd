import CoopErrors
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import Workspaces

@Suite struct ProtectedPathsTests {
    private func workspace(_ names: [String]) throws -> TemporaryDirectory {
        let temporary = try TemporaryDirectory()
        try FileSystem.makeDirectories(temporary("w"))
        for name in names {
            if name.hasSuffix("/") {
                try FileSystem.makeDirectories(temporary("w/" + name.dropLast()))
            } else {
                try FileSystem.makeDirectories(FileSystem.parent(of: temporary("w/" + name)))
                try writeFile(temporary("w/" + name), [])
            }
        }
        return temporary
    }

    @Test func `every row of the table is a plain relative path with a reason, once`() {
        let agents: [ProtectedPaths.Entry] = [
            .init(setting: ".sample/", reason: "Sample obeys it"), .init(setting: "coop.toml", reason: "as does Sample"),
            .init(setting: ".run/", reason: "Sample runs it"),
        ]
        let entries = ProtectedPaths.entries(agents)
        let paths = entries.map(\.path)
        #expect(Set(paths).count == paths.count)
        for entry in entries {
            #expect(!entry.path.hasPrefix("/") && !entry.path.contains("..") && !entry.path.hasSuffix("/") && !entry.reason.isEmpty)
            #expect(entry.isDirectory || !entry.placeholder)
        }
        #expect(entries.contains { $0.path == ".sample" && $0.placeholder && $0.reason == "Sample obeys it" })
        #expect(entries.contains { $0.path == ".run" && $0.placeholder && $0.reason != "Sample runs it" }, "the table's own reason stays")
    }

    @Test func `what exists is read-only, with every ancestor pinned before it`() throws {
        let temporary = try workspace([".vscode/tasks.json", ".envrc", "a/b/.cursor/mcp.json", "a/b/c/x"])
        let plan = try ProtectedPaths.plan(root: temporary("w"), extra: ["a/b/.cursor", "a/b/c/x"])
        let operations = plan.operations
        #expect(operations.contains(.readOnly(".vscode")) && operations.contains(.readOnly(".envrc")))
        let order = operations.map(\.path)
        #expect(operations.filter { $0 == .pin("a") }.count == 1)
        for (first, second) in [("a", "a/b"), ("a/b", "a/b/.cursor"), ("a/b", "a/b/c"), ("a/b/c", "a/b/c/x")] {
            let one = order.firstIndex(of: first)
            let two = order.firstIndex(of: second)
            #expect(one != nil && two != nil && (one ?? 0) < (two ?? 0))
        }
    }

    @Test func `missing directories get placeholders, missing files are watched and reported when written`() throws {
        let temporary = try workspace([])
        let plan = try ProtectedPaths.plan(root: temporary("w"), extra: ["deep/dir/", "some/file"])
        #expect(plan.placeholders.contains(".cursor") && plan.placeholders.contains("deep/dir"))
        #expect(plan.operations.contains(.pin("deep")) && plan.operations.contains(.readOnly("deep/dir")))
        #expect(plan.missing.contains { $0.path == "coop.toml" } && plan.missing.contains { $0.path == "some/file" })
        #expect(try ProtectedPaths.changes(since: plan).isEmpty)
        try writeFile(temporary("w/coop.toml"), [])
        try FileSystem.makeDirectories(temporary("w/some/file"))
        let changes = try ProtectedPaths.changes(since: plan)
        #expect(changes.map(\.path).sorted() == ["coop.toml", "some/file"] && changes.allSatisfy { $0.kind == .written })
    }

    @Test func `a link is never followed out, its target inside is protected, and its exchange is reported`() throws {
        let temporary = try workspace(["real/x"])
        _ = symlink("real", temporary("w/.vscode"))
        _ = symlink("/etc", temporary("w/.cursor"))
        _ = symlink("..", temporary("w/up"))
        let plan = try ProtectedPaths.plan(root: temporary("w"), extra: ["up/w/real"])
        #expect(plan.links.map(\.path).sorted() == [".cursor", ".vscode", "up"])
        #expect(plan.protected == ["real"])
        try FileSystem.removeFile(temporary("w/.vscode"))
        _ = symlink("evil", temporary("w/.vscode"))
        #expect(try ProtectedPaths.changes(since: plan).map(\.path) == [".vscode"])
    }

    @Test(arguments: ["/abs", "a/../b", "..", "", "./."]) func `an entry that is no path below the root is refused`(_ path: String) throws {
        let temporary = try workspace([])
        #expect(throws: CoopError.self) { try ProtectedPaths.plan(root: temporary("w"), extra: [path]) }
    }

    @Test func `a protected file that was exchanged is reported`() throws {
        let temporary = try workspace([".envrc"])
        let plan = try ProtectedPaths.plan(root: temporary("w"))
        try FileSystem.replace(temporary("w/.envrc"), with: [1])
        #expect(try ProtectedPaths.changes(since: plan).map(\.kind) == [.replaced])
    }

    // MARK: - Placeholders

    @Test func `placeholders are made and removed, and the workspace is as before`() throws {
        let temporary = try workspace(["a/x"])
        let before = try FileSystem.list(temporary("w")).sorted()
        let plan = try ProtectedPaths.plan(root: temporary("w"), extra: ["a/deep/dir/"])
        let journal = try #require(try PlaceholderJournal.create(for: plan, session: "s1", in: temporary("j")))
        for path in plan.placeholders { #expect(FileSystem.kind(temporary("w/" + path)) == .directory) }
        #expect(try journal.remove().isEmpty)
        #expect(try FileSystem.list(temporary("w")).sorted() == before)
        #expect(FileSystem.kind(temporary("w/a/deep")) == nil)
        #expect(try FileSystem.list(temporary("j")).sorted() == [".lock", "pool"])
    }

    @Test func `the directories of one session are those of the next, as long as they are empty`() throws {
        let temporary = try workspace([])
        func inode(_ path: String) throws -> UInt64? {
            try FileSystem.status(temporary(path), followLinks: false).map { UInt64($0.st_ino) }
        }
        func session(_ name: String) throws -> PlaceholderJournal {
            try #require(
                try PlaceholderJournal.create(for: ProtectedPaths.plan(root: temporary("w")), session: name, in: temporary("j")))
        }
        let first = try session("s1")
        let made = try Set(first.paths.map { try inode("w/" + $0) })
        try first.remove()
        #expect(try FileSystem.list(temporary("w")).isEmpty)
        #expect(try FileSystem.list(temporary("j/pool")).count == first.paths.count)
        let second = try session("s2")
        #expect(try Set(second.paths.map { try inode("w/" + $0) }) == made, "no other ones were made")
        #expect(try FileSystem.list(temporary("j/pool")).isEmpty)
        // What a person makes in one stays where it is, and that one comes to nobody else.
        try writeFile(temporary("w/.cursor/mine"), [1])
        #expect(try second.remove() == [".cursor"])
        #expect(try FileSystem.list(temporary("w")) == [".cursor"] && FileSystem.read(temporary("w/.cursor/mine")) == [1])
        #expect(try FileSystem.list(temporary("j/pool")).count == first.paths.count - 1)
        // Something that was written into one that nobody uses is not taken along.
        let other = try FileSystem.list(temporary("j/pool")).sorted()[0]
        try writeFile(temporary("j/pool/\(other)/late"), [])
        let third = try session("s3")
        for path in third.paths { #expect(try FileSystem.list(temporary("w/" + path)).isEmpty, "\(path)") }
        try third.remove()
        #expect(try FileSystem.list(temporary("j/pool/" + other)) == ["late"])
    }

    @Test func `a workspace on another file system gets placeholders as well`() throws {
        guard FileSystem.kind("/dev/shm") == .directory else { return }
        let temporary = try TemporaryDirectory()
        let root = "/dev/shm/coop-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileSystem.makeDirectories(root)
        defer { try? FileSystem.removeTree(root) }
        for session in ["s1", "s2"] {
            let plan = try ProtectedPaths.plan(root: root)
            let journal = try #require(try PlaceholderJournal.create(for: plan, session: session, in: temporary("j")))
            for path in journal.paths { #expect(FileSystem.kind(root + "/" + path) == .directory) }
            #expect(try journal.remove().isEmpty)
            #expect(try FileSystem.list(root).isEmpty)
        }
    }

    @Test func `what two sessions share stays until the last one ends`() throws {
        let temporary = try workspace([])
        let first = try #require(
            try PlaceholderJournal.create(for: ProtectedPaths.plan(root: temporary("w")), session: "s1", in: temporary("j")))
        let secondPlan = try ProtectedPaths.plan(root: temporary("w"))
        let untouched = try workspace([])
        #expect(try secondPlan.placeholders == ProtectedPaths.plan(root: untouched("w")).placeholders, "as if nothing were there")
        let second = try #require(try PlaceholderJournal.create(for: secondPlan, session: "s2", in: temporary("j")))
        try first.remove()
        #expect(FileSystem.kind(temporary("w/.cursor")) == .directory)
        try second.remove()
        #expect(try FileSystem.list(temporary("w")).isEmpty)
    }

    @Test func `the user's own directories are never removed, nor anything that is not empty`() throws {
        let temporary = try workspace([".vscode/"])
        let plan = try ProtectedPaths.plan(root: temporary("w"))
        let journal = try #require(try PlaceholderJournal.create(for: plan, session: "s1", in: temporary("j")))
        try writeFile(temporary("w/.cursor/kept"), [])
        #expect(try journal.remove() == [".cursor"])
        #expect(try FileSystem.list(temporary("w")).sorted() == [".cursor", ".vscode"])
    }

    @Test func `a sweep removes what a killed session left, not what a living one uses`() throws {
        let temporary = try workspace([])
        let plan = try ProtectedPaths.plan(root: temporary("w"))
        var dead = try PlaceholderJournal.create(for: plan, session: "dead", in: temporary("j"))
        #expect(try PlaceholderJournal.sweep(temporary("j")).isEmpty)
        #expect(dead != nil)
        dead = nil // The lock goes with the process.
        let plan2 = try ProtectedPaths.plan(root: temporary("w"))
        let living = try #require(try PlaceholderJournal.create(for: plan2, session: "alive", in: temporary("j")))
        // Another test's child that has not executed yet may hold the lock a moment longer.
        #expect(try Deadline.poll(seconds: 60) { try PlaceholderJournal.sweep(temporary("j")) == ["dead"] })
        #expect(FileSystem.kind(temporary("w/.cursor")) == .directory)
        try living.remove()
        #expect(try FileSystem.list(temporary("w")).isEmpty)
    }

    @Test func `placeholders whose journal a power loss has swallowed are found by themselves`() throws {
        let temporary = try workspace([".idea/"])
        let plan = try ProtectedPaths.plan(root: temporary("w"))
        var lost = try PlaceholderJournal.create(for: plan, session: "lost", in: temporary("j"))
        #expect(lost != nil)
        lost = nil
        try FileSystem.removeFile(temporary("j/lost.placeholders"))
        try writeFile(temporary("w/.cursor/kept"), [])
        try PlaceholderJournal.recover(root: temporary("w"), in: temporary("j"))
        #expect(try FileSystem.list(temporary("w")).sorted() == [".cursor", ".idea"])
    }

    @Test func `the next session in the workspace takes a lost placeholder over`() throws {
        let temporary = try workspace([])
        var lost = try PlaceholderJournal.create(for: ProtectedPaths.plan(root: temporary("w")), session: "lost", in: temporary("j"))
        #expect(lost != nil)
        lost = nil
        try FileSystem.removeFile(temporary("j/lost.placeholders"))
        let next = try #require(
            try PlaceholderJournal.create(for: ProtectedPaths.plan(root: temporary("w")), session: "next", in: temporary("j")))
        try next.remove()
        #expect(try FileSystem.list(temporary("w")).isEmpty)
    }

    @Test func `a placeholder that a living session uses is not recovered`() throws {
        let temporary = try workspace([])
        let living = try #require(
            try PlaceholderJournal.create(for: ProtectedPaths.plan(root: temporary("w")), session: "s", in: temporary("j")))
        try PlaceholderJournal.recover(root: temporary("w"), in: temporary("j"))
        #expect(FileSystem.kind(temporary("w/.cursor")) == .directory)
        try living.remove()
    }

    @Test func `killed at any point of making them, a sweep leaves nothing`() throws {
        struct Killed: Error {}
        let empty = try workspace([])
        let count = try ProtectedPaths.plan(root: empty("w")).placeholders.count + 2
        for (limit, isFromPool) in (0..<count).flatMap({ [($0, false), ($0, true)] }) {
            let temporary = try workspace([])
            let plan = try ProtectedPaths.plan(root: temporary("w"), extra: ["x/y/"])
            if isFromPool { try PlaceholderJournal.create(for: plan, session: "before", in: temporary("j"))?.remove() }
            var count = 0
            #expect(throws: Killed.self) {
                try PlaceholderJournal.create(for: plan, session: "s", in: temporary("j")) { _ in
                    if count == limit { throw Killed() }
                    count += 1
                }
            }
            // Another test's child that has not executed yet may hold the lock a moment longer.
            #expect(try Deadline.poll(seconds: 60) { try PlaceholderJournal.sweep(temporary("j")) == ["s"] })
            #expect(try FileSystem.list(temporary("w")).isEmpty)
        }
    }

    @Test func `a link put in the place of a placeholder's parent does not lead the removal elsewhere`() throws {
        let temporary = try workspace([])
        let plan = try ProtectedPaths.plan(root: temporary("w"), extra: ["x/y/"])
        let journal = try #require(try PlaceholderJournal.create(for: plan, session: "s", in: temporary("j")))
        try FileSystem.makeDirectories(temporary("outside/y"))
        try FileSystem.removeTree(temporary("w/x"))
        _ = symlink(temporary("outside"), temporary("w/x"))
        try journal.remove()
        #expect(FileSystem.kind(temporary("outside/y")) == .directory)
    }
}
