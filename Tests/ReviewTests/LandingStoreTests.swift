import CoopErrors
import Glibc
import LinuxKernel
import Review
import TestSupport
import Testing

/// What is kept of landings: when it is damaged, and over a long history.
@Suite struct LandingStoreTests {
    private let place: TemporaryDirectory
    private let root: String
    private let store: LandingStore

    init() throws {
        place = try TemporaryDirectory()
        root = place("root")
        store = LandingStore(directory: place("store"))
        try FileSystem.makeDirectories(root, mode: 0o755)
        try FileSystem.replace(root + "/top", with: "0".utf8, mode: 0o644)
    }

    private func land(_ text: String, kind: LandingNote.Kind = .apply) throws {
        let now = try FileSystem.status(root + "/top", followLinks: false).flatMap(Fingerprint.init)
        let edit = TreeEdit(path: "top", expected: now, version: .file(text))
        try TreeTransaction(root: root, store: store, note: LandingNote(kind: kind, subject: text), edits: [edit]).run()
    }

    private func journals() throws -> [String] {
        let trees = place("store/done")
        return try FileSystem.list(trees).flatMap { tree in
            try FileSystem.list(trees + "/" + tree).sorted().map { "\(trees)/\(tree)/\($0)/journal" }
        }
    }

    @Test(arguments: ["", "coop-landing 1\0", "coop-landing 2\0x\0"]) func aDamagedRecordHidesNoLandingFromAnUndo(damage: String) throws {
        for text in ["1", "2", "3"] { try land(text) }
        let journals = try journals()
        try FileSystem.replace(journals[2], with: damage.utf8)
        let failure = #expect(throws: CoopError.self) { try store.latest(root: root) { _ in true } }
        #expect(failure?.next?.contains("rm -r \(FileSystem.parent(of: journals[2]))") == true, "\(failure?.next ?? "")")
        // One below it would be taken from under it.
        #expect(throws: CoopError.self) { try store.latest(root: root) { $0.note.subject == "1" } }
        #expect(throws: CoopError.self) { try store.records(root: root) }
        try FileSystem.removeTree(FileSystem.parent(of: journals[2]))
        #expect(try store.latest(root: root) { _ in true }?.note.subject == "2")
        // One that lies below the one that is meant is none of its business.
        try FileSystem.replace(journals[0], with: damage.utf8)
        #expect(try store.latest(root: root) { _ in true }?.note.subject == "2")
        #expect(throws: CoopError.self) { try store.latest(root: root) { $0.note.subject == "1" } }
    }

    @Test func theFormerBaseIsKeptAsItWasOrNothingLands() throws {
        let now = try FileSystem.status(root + "/top", followLinks: false).flatMap(Fingerprint.init)
        let edits = [TreeEdit(path: "top", expected: now, version: .file("new")), TreeEdit(path: "d", expected: nil, version: .directory)]
        let note = LandingNote(kind: .apply, subject: "test")
        let large = FileVersion(kind: .file, mode: 0o644, size: 1 << 30) { try Descriptor.open("/dev/zero", O_RDONLY) }
        let lost = FileVersion(kind: .file, mode: 0o644, size: 4) { throw SystemError("open", "base", errno: ENODATA) }
        for version in [large, lost] {
            let staged = try TreeTransaction(root: root, store: store, note: note, edits: edits).prepare()
            let failure = #expect(throws: CoopError.self) { try staged.keep(formerBases: [("top", version)]) }
            #expect(failure?.message.contains("top: how it was before cannot be kept") == true, "\(failure?.message ?? "")")
        }
        #expect(try FileSystem.read(root + "/top") == Array("0".utf8))
        let staged = try TreeTransaction(root: root, store: store, note: note, edits: edits).prepare()
        var directory = FileVersion.directory
        directory.mode = 0o2750
        directory.attributes = ["user.d": [0, 1]]
        try staged.keep(formerBases: [("top", .file("base", mode: 0o640, attributes: ["user.x": [0xFF, 0]])), ("d", directory)])
        let record = try #require(try staged.commit())
        let bases = Dictionary(uniqueKeysWithValues: try record.formerBases().map { ($0.path, $0.version) })
        let top = try #require(bases["top"] ?? nil)
        #expect(top.mode == 0o640 && top.attributes == ["user.x": [0xFF, 0]])
        #expect(try top.content(limit: 100) == Array("base".utf8))
        let kept = try #require(bases["d"] ?? nil)
        #expect(kept.kind == .directory && kept.mode == 0o2750 && kept.attributes == ["user.d": [0, 1]])
    }

    // MARK: - Histories

    /// What is kept, as a plain list.
    private struct Kept {
        var kind: LandingNote.Kind
        var before: [String]
        var after: [String]
    }

    /// As `coop undo` does it, and with the other kind `coop undo --redo`.
    private func takeBack(_ kind: LandingNote.Kind) throws {
        let record = try #require(try store.latest(root: root) { $0.note.kind == kind })
        let plan = try LandingPlanner(root: root) { change, now in record.holds(change.path, now) ?? false }.plan(try record.reversed())
        #expect(plan.conflicts == [])
        let note = LandingNote(kind: kind == .apply ? .undo : .apply, subject: "test")
        try TreeTransaction(root: root, store: store, note: note, edits: plan.edits).run()
        try store.forget(record)
    }

    @Test(arguments: 0..<12) func anyHistoryIsThatOfAListOfTrees(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        var tree = RandomTree(seed: 500 + seed)
        try tree.fill(root, entries: 8)
        var list: [Kept] = []
        var now = try RandomTree.listing(root)
        var done: Set<LandingNote.Kind> = []
        for step in 0..<30 {
            let kind: LandingNote.Kind = Bool.random(using: &random) ? .apply : .undo
            if let index = list.lastIndex(where: { $0.kind == kind }), list[index].after == now, step % 3 != 0 {
                let kept = list[index]
                try takeBack(kind)
                list.append(Kept(kind: kind == .apply ? .undo : .apply, before: kept.after, after: kept.before))
                list.remove(at: index)
                // The one that was taken back is kept until that is done.
                if list.count == 10 { list.removeFirst() }
                done.insert(kind)
            } else {
                let wanted = place("wanted\(step)")
                try RandomTree.copy(root, to: wanted)
                try tree.change(wanted)
                if try RandomTree.listing(wanted) == now { continue }
                let applied = try TreeChanger.run(["apply", root, store.directory, wanted])
                #expect(applied.exitCode == 0, "\(applied)")
                list.append(Kept(kind: .apply, before: now, after: try RandomTree.listing(wanted)))
            }
            // As many are kept as can be.
            list = Array(list.suffix(10))
            now = try RandomTree.listing(root)
            #expect(now == list.last?.after, "step \(step)")
        }
        #expect(done == [.apply, .undo])
        #expect(try store.records(root: root).map(\.note.kind) == list.reversed().map(\.kind))
    }
}
