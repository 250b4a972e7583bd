import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Review
import TestSupport
import Testing
import Workspaces

/// What somebody else does in the tree while it is changed: nothing is lost, and nothing outside of it is written.
@Suite struct TransactionRaceTests {
    private let place: TemporaryDirectory
    private let root: String
    private let outside: String

    init() throws {
        place = try TemporaryDirectory()
        root = place("root")
        outside = place("outside")
        for directory in [root, outside, root + "/src", outside + "/src"] { try FileSystem.makeDirectories(directory, mode: 0o755) }
        for (name, text) in [("src/a", "old a"), ("src/b", "old b"), ("top", "old top")] { try write(root + "/" + name, text) }
        for name in ["a", "b", "c"] { try write(outside + "/src/" + name, "outside") }
    }

    private func write(_ path: String, _ text: String) throws { try FileSystem.replace(path, with: text.utf8, mode: 0o644) }

    private func text(_ path: String) -> String? { (try? FileSystem.read(path)).map { String(osBytes: $0) } }

    private func fingerprint(_ path: String) throws -> Fingerprint? {
        try FileSystem.status(root + "/" + path, followLinks: false).flatMap(Fingerprint.init)
    }

    private func edit(_ path: String, _ text: String?) throws -> TreeEdit {
        TreeEdit(path: path, expected: try fingerprint(path), version: text.map { .file($0) })
    }

    private func transaction(_ edits: [TreeEdit]) -> TreeTransaction {
        TreeTransaction(
            root: root, store: LandingStore(directory: place("store")), note: LandingNote(kind: .apply, subject: "test"), edits: edits)
    }

    private func expectOldTree() {
        #expect(text(root + "/src/a") == "old a")
        #expect(text(root + "/src/b") == "old b")
        #expect(text(root + "/top") == "old top")
        #expect(FileSystem.kind(root + "/src/c", followLinks: false) == nil)
        for name in ["a", "b", "c"] { #expect(text(outside + "/src/" + name) == "outside") }
        #expect(pending == [])
    }

    /// What is left of transactions.
    private var pending: [String] { (try? FileSystem.list(place("store") + "/pending")) ?? [] }

    @Test(arguments: 0...3) func aDirectoryThatBecomesALinkIsNotFollowed(step: Int) throws {
        var transaction = transaction([try edit("src/a", "new"), try edit("src/b", nil), try edit("src/c", "new"), try edit("top", "new")])
        let (root, outside) = (root, outside)
        transaction.beforeStep = { now in
            guard now == step else { return }
            try FileSystem.rename(root + "/src", to: root + "/moved")
            symlink(outside + "/src", root + "/src")
        }
        let staged = try transaction.prepare()
        // Before the last step everything in the directory is done already, and another look at it tells.
        #expect(throws: CoopError.self) { try staged.commit() }
        for name in ["a", "b", "c"] { #expect(text(outside + "/src/" + name) == "outside") }
        #expect(text(root + "/top") == "old top")
        // What was there is where it was moved to, as it was.
        for name in ["a", "b"] { #expect(text(root + "/moved/" + name) == "old \(name)") }
        #expect(FileSystem.kind(root + "/moved/c") == nil)
        #expect(pending == [])
    }

    @Test func aTreeBehindALinkIsRefusedBeforeAnythingIsDone() throws {
        symlink(outside + "/src", root + "/link")
        let failure = #expect(throws: CoopError.self) {
            try transaction([
                TreeEdit(path: "link/a", expected: Fingerprint(try #require(try FileSystem.status(outside + "/src/a"))), version: nil)
            ]).run()
        }
        #expect(failure?.code == .refused)
        #expect(throws: CoopError.self) { try transaction([TreeEdit(path: "../outside/x", expected: nil, version: .file("x"))]).run() }
        #expect(throws: CoopError.self) { try transaction([TreeEdit(path: "/etc/x", expected: nil, version: .file("x"))]).run() }
        expectOldTree()
    }

    @Test(arguments: ["changed", "replaced", "removed", "new"]) func whatSomebodyElseDoesMeanwhileTakesEverythingBack(what: String) throws {
        var transaction = transaction([try edit("src/a", "new"), try edit("src/c", "new"), try edit("top", "new")])
        let root = root
        transaction.beforeStep = { step in
            // What is to be added comes second, `top` last.
            guard step == (what == "new" ? 1 : 2) else { return }
            switch what {
            case "changed":
                let file = try Descriptor.open(root + "/top", O_WRONLY | O_APPEND)
                try file.writeAll(" and more".utf8)
            case "replaced": try FileSystem.replace(root + "/top", with: "theirs".utf8)
            case "removed": try FileSystem.removeFile(root + "/top")
            default: try FileSystem.replace(root + "/src/c", with: "theirs".utf8)
            }
        }
        let failure = #expect(throws: CoopError.self) { try transaction.run() }
        let wanted = ["changed": "old top and more", "replaced": "theirs", "new": "old top"]
        #expect(text(root + "/top") == wanted[what])
        #expect(text(root + "/src/a") == "old a")
        #expect(text(root + "/src/c") == (what == "new" ? "theirs" : nil))
        #expect(failure?.message.contains(what == "new" ? "src/c" : "top") == true)
        #expect(pending == [])
    }

    @Test func whatIsExpectedIsLookedAtBeforeAnythingIsDone() throws {
        let edits = [try edit("src/a", "new"), try edit("top", "new")]
        try write(root + "/top", "edited")
        #expect(throws: CoopError.self) { try transaction(edits).run() }
        #expect(text(root + "/top") == "edited")
        #expect(text(root + "/src/a") == "old a")
        // The same between the look and the landing.
        do {
            let staged = try transaction([try edit("src/a", "new"), try edit("top", "new")]).prepare()
            try write(root + "/top", "edited again")
            #expect(throws: CoopError.self) { try staged.commit() }
        }
        #expect(text(root + "/src/a") == "old a")
        #expect(pending == [])
    }

    /// No step is made, so that there is nothing that somebody could see, or that would have to be taken back.
    @Test(arguments: ["changed", "new", "gone", "more"]) func whatHasChangedSinceTheLookIsFoundBeforeTheFirstStep(what: String) throws {
        var transaction = transaction([
            try edit("src", nil), try edit("src/a", nil), try edit("src/b", nil), try edit("new", "new"), try edit("top", "new"),
        ])
        transaction.beforeStep = { step in Issue.record("step \(step)") }
        let staged = try transaction.prepare()
        switch what {
        case "changed": try write(root + "/top", "edited")
        case "new": try write(root + "/new", "theirs")
        case "gone": try FileSystem.removeFile(root + "/src/a")
        default: try write(root + "/src/mine", "theirs")
        }
        #expect(throws: CoopError.self) { try staged.commit() }
        #expect(text(root + "/src/b") == "old b")
    }

    @Test func anotherDirectoryInItsPlaceTakesEverythingBack() throws {
        var transaction = transaction([try edit("src/a", "new"), try edit("src/c", "new"), try edit("top", "new")])
        let root = root
        transaction.beforeStep = { step in
            guard step == 2 else { return }
            try FileSystem.rename(root + "/src", to: root + "/moved")
            try FileSystem.makeDirectories(root + "/src", mode: 0o755)
        }
        let failure = #expect(throws: CoopError.self) { try transaction.run() }
        #expect(failure?.message.contains("another directory took its place") == true, "\(failure?.message ?? "")")
        #expect(text(root + "/moved/a") == "old a" && FileSystem.kind(root + "/moved/c") == nil && text(root + "/top") == "old top")
        #expect(try FileSystem.list(root + "/src") == [] && pending == [])
    }

    /// The slots can lie in a hidden directory of the tree itself, where a sandbox that works in it can write.
    @Test(arguments: ["written", "replaced", "linked"]) func whatIsChangedWhereItLiesReadyDoesNotLand(how: String) throws {
        let staged = try transaction([try edit("src/c", "looked at"), try edit("top", "looked at")]).prepare()
        let pending = place("store") + "/pending"
        let slots = try #require(try FileSystem.list(pending).first.map { "\(pending)/\($0)/slots" })
        let slot = try #require(try FileSystem.list(slots).first { text("\(slots)/\($0)") == "looked at" }.map { "\(slots)/\($0)" })
        switch how {
        case "written":
            let file = try Descriptor.open(slot, O_WRONLY)
            try file.writeAll("evil".utf8)
        case "replaced": try FileSystem.replace(slot, with: "looked at".utf8, mode: 0o644)
        default:
            try FileSystem.removeFile(slot)
            symlink(outside + "/src/a", slot)
        }
        #expect(throws: CoopError.self) { try staged.commit() }
        #expect(text(root + "/src/a") == "old a" && text(root + "/top") == "old top")
        #expect(FileSystem.kind(root + "/src/c", followLinks: false) == nil)
    }

    @Test(arguments: ["./top", "src//c", "src/./c", "src/../new", "src/c/", "/new", "", ".", "new\0x"])
    func aPathThatIsNoPlainOneIsRefused(path: String) throws {
        let failure = #expect(throws: CoopError.self) {
            try transaction([TreeEdit(path: path, expected: nil, version: .file("x"))]).prepare()
        }
        #expect(failure?.message.contains("it is not the path of something in the tree") == true, "\(failure?.message ?? "")")
        expectOldTree()
    }

    @Test func aDirectoryGoesOnlyWithEverythingInIt() throws {
        let edits = [try edit("src", nil), try edit("src/a", nil), try edit("src/b", nil)]
        try transaction(edits).run()
        #expect(FileSystem.kind(root + "/src") == nil)
        try FileSystem.makeDirectories(root + "/src", mode: 0o755)
        try write(root + "/src/a", "1")
        try write(root + "/src/mine", "2")
        #expect(throws: CoopError.self) { try transaction([try edit("src", nil), try edit("src/a", nil)]).run() }
        #expect(try FileSystem.list(root + "/src").sorted() == ["a", "mine"])
    }

    @Test func whatIsStagedIsWhatLands() throws {
        let source = place("source")
        try write(source, "looked at")
        let version = FileVersion(kind: .file, mode: 0o644, size: 9) { try Descriptor.open(source, O_RDONLY) }
        let staged = try transaction([TreeEdit(path: "top", expected: try fingerprint("top"), version: version)]).prepare()
        try write(source, "something else")
        #expect(try staged.version(at: "top")?.content(limit: 100) == Array("looked at".utf8))
        try staged.commit()
        #expect(text(root + "/top") == "looked at")
        // It can be read still, to be remembered as what was accepted; unless somebody has changed it since.
        #expect(try staged.version(at: "top")?.content(limit: 100) == Array("looked at".utf8))
        try write(root + "/top", "mine")
        #expect(throws: SystemError.self) { try staged.version(at: "top")?.content(limit: 100) }
    }

    @Test func aHardLinkIsNotWrittenThrough() throws {
        link(root + "/top", place("store-of-others"))
        let source = place("source")
        try write(source, "new top")
        link(source, place("source-link"))
        let version = FileVersion(kind: .file, mode: 0o644, size: 7) { try Descriptor.open(source, O_RDONLY) }
        try transaction([TreeEdit(path: "top", expected: try fingerprint("top"), version: version)]).run()
        #expect(text(place("store-of-others")) == "old top")
        try write(source, "x")
        let file = try Descriptor.open(place("source-link"), O_WRONLY | O_TRUNC)
        try file.writeAll("changed".utf8)
        #expect(text(root + "/top") == "new top")
        #expect(try FileSystem.status(root + "/top")?.st_nlink == 1)
    }

    @Test func theAccessListOfAFileStays() throws {
        // Version 2; user::rw-, user:1:r--, group::---, mask::r--, other::--- (acl(5)).
        let entries: [[UInt8]] = [[1, 6], [2, 4], [4, 0], [16, 4], [32, 0]]
        let list: [UInt8] = [2, 0, 0, 0] + entries.flatMap { [$0[0], 0, $0[1], 0] + ($0[0] == 2 ? [1, 0, 0, 0] : [255, 255, 255, 255]) }
        let file = try Descriptor.open(root + "/top", O_RDONLY)
        try check("fsetxattr") { coop_set_attribute(file.number, "system.posix_acl_access", list, list.count) }
        // The mode is that of the list; another one changes entries of it, as chmod(2) does.
        try transaction([TreeEdit(path: "top", expected: try fingerprint("top"), version: .file("new", mode: 0o640))]).run()
        let new = try Descriptor.open(root + "/top", O_RDONLY)
        var found = [UInt8](repeating: 0, count: 1024)
        let count = coop_get_attribute(new.number, "system.posix_acl_access", &found, found.count)
        #expect(count > 0 && Array(found.prefix(max(0, count))) == list)
        #expect(text(root + "/top") == "new")
    }

    @Test func whatGoesWithTheTreeDecides() throws {
        struct Refused: Error {}
        #expect(throws: CoopError.self) {
            try transaction([try edit("top", "new"), try edit("src/c", "new")]).run { throw Refused() }
        }
        expectOldTree()
    }

    @Test func onlySoManyCanBeTakenBack() throws {
        for number in 0..<13 { try transaction([try edit("top", "number \(number)")]).run() }
        let records = try LandingStore(directory: place("store")).records(root: root)
        #expect(records.count == 10)
        #expect(records.first?.paths == ["top"])
        #expect(try FileSystem.status(place("store")).map { $0.st_mode & 0o777 } == 0o700)
        #expect(try records.first?.reversed().first?.after?.content(limit: 100) == Array("number 11".utf8))
    }

    @Test func anUndoBringsTheUsersEditsTogether() throws {
        try write(root + "/top", "one\ntwo\nthree\nfour\nfive\n")
        let store = LandingStore(directory: place("store"))
        try transaction([try edit("top", "ONE\ntwo\nthree\nfour\nfive\n"), try edit("src/a", nil)]).run()
        try write(root + "/top", "ONE\ntwo\nthree\nfour\nFIVE\n")
        let record = try #require(try store.records(root: root).first)
        let plan = try LandingPlanner(root: root) { change, now in record.holds(change.path, now) ?? false }.plan(try record.reversed())
        #expect(plan.conflicts == [])
        try TreeTransaction(root: root, store: store, note: LandingNote(kind: .undo, subject: "test"), edits: plan.edits).run()
        #expect(text(root + "/top") == "one\ntwo\nthree\nfour\nFIVE\n")
        #expect(text(root + "/src/a") == "old a")
        // The same lines: refused.
        try transaction([try edit("top", "1\n")]).run()
        try write(root + "/top", "2\n")
        let second = try #require(try store.records(root: root).first)
        let refused = try LandingPlanner(root: root) { change, now in second.holds(change.path, now) ?? false }.plan(try second.reversed())
        #expect(refused.conflicts.map(\.path) == ["top"])
    }

    @Test func twentyThousandFilesLandAndAreTakenBack() throws {
        let place = try TemporaryDirectory(in: "/dev/shm")
        for directory in ["root", "wanted"] { try FileSystem.makeDirectories(place(directory), mode: 0o755) }
        for directory in 0..<100 {
            let path = place("wanted/d\(directory)")
            try FileSystem.makeDirectories(path, mode: 0o755)
            for number in 0..<200 {
                let file = try Descriptor.open("\(path)/f\(number)", O_WRONLY | O_CREAT, mode: 0o644)
                try file.writeAll("\(directory) \(number)".utf8)
            }
        }
        let wanted = try RandomTree.listing(place("wanted"))
        #expect(try TreeChanger.run(["apply", place("root"), place("store"), place("wanted")], timeout: 900).exitCode == 0)
        #expect(try RandomTree.listing(place("root")) == wanted)
        #expect(try TreeChanger.run(["undo", place("root"), place("store")], timeout: 900).exitCode == 0)
        #expect(try RandomTree.listing(place("root")) == [])
    }

    /// On file systems of the test's own: the tree on one that is nearly full, the store on the same or on another.
    @Test(.enabled(if: getuid() == 0), arguments: [true, false]) func aFullDiskChangesNothing(isSame: Bool) throws {
        let script = """
            set -e
            mount -t tmpfs -o size=8m none "$1"
            mkdir "$1/root" "$1/root/src" "$2/wanted" "$2/other"
            store=$2/other/store
            if [ "$3" = true ]; then store=$1/store; fi
            echo old > "$1/root/src/a"
            head -c 900000 /dev/zero > "$1/root/large"
            cp -r "$1/root/." "$2/wanted"
            cp -r "$1/root" "$2/copy"
            echo new > "$2/wanted/src/a"
            head -c 7900000 /dev/urandom > "$2/wanted/large"
            if "$4" apply "$1/root" "$store" "$2/wanted"; then echo applied; fi
            diff -r "$1/root" "$2/copy" && echo same
            ls -A "$store/pending" "$1/root"
            head -c 900 /dev/zero > "$2/wanted/large"
            "$4" apply "$1/root" "$store" "$2/wanted"
            diff -r "$1/root" "$2/wanted" && echo landed
            "$4" undo "$1/root" "$store"
            diff -r "$1/root" "$2/copy" && echo undone
            ls -A "$1/root"
            """
        let base = try TemporaryDirectory()
        for name in ["disk", "work"] { try FileSystem.makeDirectories(base(name)) }
        let outcome = try ChildProcess.run([
            "/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh", base("disk"), base("work"), String(isSame),
            try BuiltPrograms.treeChanger(),
        ])
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(!outcome.output.contains("applied"), "\(outcome)")
        #expect(outcome.error.contains("No space left"), "\(outcome)")
        for word in ["same", "landed", "undone"] { #expect(outcome.output.contains(word), "\(outcome)") }
        #expect(!outcome.output.contains(".coop-landing"), "\(outcome)")
    }
}
