import CoopErrors
import Glibc
import LinuxKernel
import TestSupport
import Testing
import Workspaces

@testable import Tasks

@Suite struct TaskStoreTests {
    private let directory: String
    private let store: TaskStore

    init() throws {
        var template = Array("/tmp/coop-tasks-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        store = TaskStore(directory: directory)
    }

    private func record(_ name: String, created: Int64 = 1, branch: String? = "refs/heads/main") throws -> TaskRecord {
        let name = try TaskName(name)
        let commit = try #require(ObjectID(String(repeating: "a", count: 40)))
        let record = TaskRecord(
            name: name, directory: store.directory(of: name), leaf: "a\nb\\c", worktree: "coop-\(name)-1", baseBranch: branch,
            baseCommit: commit, created: created, merged: commit)
        try FileSystem.makeDirectories(record.directory)
        try store.update(record)
        return record
    }

    @Test("what is kept is read again, and what was not kept is not there")
    func kept() throws {
        defer { try? FileSystem.removeTree(directory) }
        #expect(try store.all() == [])
        var two = try record("two", created: 2)
        let one = try record("one", branch: nil)
        #expect(try store.all() == [one, two])
        two.portOffset = 10
        try store.update(two)
        #expect(try store.find("two").portOffset == 10 && store.find("t") == two && store.find("coop/one") == one)
        #expect(throws: CoopError.self) { try store.find("x") }
        _ = try record("tree")
        #expect(throws: CoopError.self) { try store.find("t") }
        #expect(one.tree == directory + "/one/a\nb\\c")
    }

    @Test(
        "a record that names another place, or is none, is an error",
        arguments: [
            "", "coop-task 2\n", "coop-task 1\nname ../x\n", "coop-task 1\nname x\nleaf ..\nworktree w\nbase_commit ",
            "coop-task 1\nname x\nleaf a/b\nworktree w\nbase_commit ", "coop-task 1\nname x\nleaf a\nworktree ../w\nbase_commit ",
            "coop-task 1\nname x\nleaf a\nworktree w\nbase_commit z",
        ])
    func damaged(_ text: String) throws {
        defer { try? FileSystem.removeTree(directory) }
        let name = try TaskName("x")
        try FileSystem.makeDirectories(store.directory(of: name))
        let bytes = text.hasSuffix("base_commit ") ? text + String(repeating: "a", count: 40) + "\n" : text
        try FileSystem.replace(store.directory(of: name) + "/task", with: bytes.utf8)
        let other = try record("other")
        // It keeps nobody from the others, and is named with what helps.
        #expect(try store.all() == [other])
        #expect(try store.damaged().map(\.name) == [name])
        let error = #expect(throws: CoopError.self) { try store.find("x") }
        #expect(error?.next?.contains("coop task rm --force x") == true)
        #expect(throws: CoopError.self) { try store.task(name) }
        try FileSystem.removeFile(store.directory(of: name) + "/task")
        #expect(try store.damaged().map(\.error.why) == ["it is gone"])
    }

    @Test("one session in a task: the second learns which one it is, and what is soon done is waited for")
    func locks() throws {
        defer { try? FileSystem.removeTree(directory) }
        let name = try TaskName("fix")
        var held: TaskLock? = try TaskLock.session(of: name, in: store, holder: "abcd")
        #expect(try store.session(of: name) == "abcd")
        let error = #expect(throws: CoopError.self) { try TaskLock.session(of: name, in: store, holder: "efgh") }
        #expect(error?.why.contains("abcd") == true && error?.next?.contains("coop exec abcd") == true)
        #expect(try TaskLock.idle(name, in: store) == nil)
        // Changes are kept apart from sessions.
        _ = try TaskLock.change(of: name, in: store)
        withExtendedLifetime(held) {}
        held = nil
        // Another test's child that has not executed yet may hold a lock a moment longer.
        #expect(try Deadline.poll(seconds: 60) { try store.session(of: name) == nil })
        #expect(try Deadline.poll(seconds: 60) { try TaskLock.idle(name, in: store) != nil })
        held = try TaskLock.session(of: name, in: store, holder: nil)
        #expect(try store.session(of: name) == nil)
        withExtendedLifetime(held) {}
    }

    @Test("a journal that nobody holds is found, one that is held is not, and half of one is nothing")
    func journals() throws {
        defer { try? FileSystem.removeTree(directory) }
        let entry = TaskJournal.Entry(
            kind: .create, name: try TaskName("fix"), store: "/s", workTree: "/w\n", commonDirectory: "/w/.git", worktree: "coop-fix-1",
            tip: nil)
        var journal: TaskJournal? = try TaskJournal.begin(entry, in: directory)
        #expect(try TaskJournal.leftovers(in: directory).count == 0)
        withExtendedLifetime(journal) {}
        journal = nil
        try FileSystem.replace(directory + "/.1-2", with: "coop-task".utf8)
        try FileSystem.replace(directory + "/1-3", with: "coop-task".utf8)
        // Another test's child that has not executed yet may hold the lock a moment longer.
        var found: [TaskJournal] = []
        try Deadline.poll(seconds: 60) {
            found = try TaskJournal.leftovers(in: directory)
            return !found.isEmpty
        }
        #expect(found.map(\.entry) == [entry])
        try #require(found.first).end()
        #expect(try FileSystem.list(directory) == [])
    }
}
