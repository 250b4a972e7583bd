import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Review
import TestSupport
import Testing
import Workspaces

/// What becomes of a tree, against a plain copy of what it was to become.
@Suite struct TreeTransactionTests {
    @Test(arguments: 0..<60) func aTreeBecomesTheOtherOneAndIsItselfAgainAfterAnUndo(seed: Int) throws {
        let identity = TestIdentity.all[seed % TestIdentity.all.count]
        let place = try Place(seed: UInt64(seed), identity: identity)
        let applied = try TreeChanger.run(["apply", place.root, place.store, place.wanted], as: identity)
        #expect(applied.exitCode == 0, "\(applied)")
        #expect(try RandomTree.listing(place.root) == place.after)
        #expect(try place.pending() == [])
        let undone = try TreeChanger.run(["undo", place.root, place.store], as: identity)
        #expect(undone.exitCode == 0, "\(undone)")
        #expect(try RandomTree.listing(place.root) == place.before)
        #expect(try place.pending() == [])
    }

    @Test(arguments: [1, 2, 3]) func aKillAtAnyStepLeavesTheOldOrTheNewTree(seed: Int) throws {
        let identity = TestIdentity.all[seed % TestIdentity.all.count]
        for words in [["apply"], ["undo"]] {
            var outcomes: Set<String> = []
            var step = 1
            while true {
                let place = try Place(seed: UInt64(1000 + seed), identity: identity, entries: 4, parent: "/dev/shm")
                if words == ["undo"] {
                    try #require(try TreeChanger.run(["apply", place.root, place.store, place.wanted], as: identity).exitCode == 0)
                }
                let all = words + [place.root, place.store] + (words == ["apply"] ? [place.wanted] : [])
                let killed = try TreeChanger.run(all, as: identity, killedAt: step)
                if killed.signal == 0 {
                    #expect(killed.exitCode == 0, "\(killed)")
                    break
                }
                let recovered = try TreeChanger.run(["recover", place.store], as: identity)
                #expect(recovered.exitCode == 0, "step \(step): \(recovered)")
                let now = try RandomTree.listing(place.root)
                #expect(now == place.before || now == place.after, "step \(step) of \(words): neither old nor new")
                #expect(try place.pending() == [], "step \(step)")
                outcomes.insert(now == place.before ? "old" : "new")
                // Whatever was left, the same can be done again.
                if step % 7 == 0 && (words == ["apply"] || now == place.after) {
                    let again = try TreeChanger.run(all, as: identity)
                    #expect(again.exitCode == 0, "step \(step): \(again)")
                    #expect(try RandomTree.listing(place.root) == (words == ["apply"] ? place.after : place.before))
                }
                step += 1
            }
            #expect(outcomes == ["old", "new"])
        }
    }

    @Test func aKilledRecoveryIsRecoveredFrom() throws {
        // In the middle of the steps in the tree; then the recovery is killed at each of its own.
        let middle = try killPointInTheTree()
        var recovery = 1
        while true {
            let place = try self.place()
            try #require(try TreeChanger.run(["apply", place.root, place.store, place.wanted], killedAt: middle).signal != 0)
            let killed = try TreeChanger.run(["recover", place.store], killedAt: recovery)
            try #expect(TreeChanger.run(["recover", place.store]).exitCode == 0)
            #expect(try RandomTree.listing(place.root) == place.before, "\(recovery)")
            #expect(try place.pending() == [])
            if killed.signal == 0 { break }
            recovery += 1
        }
        #expect(recovery > 3)
    }

    private func place() throws -> Place { try Place(seed: 77, entries: 10, parent: "/dev/shm") }

    /// The last point of a kill at which the tree is between old and new.
    private func killPointInTheTree() throws -> Int {
        var step = 1
        var last: Int?
        while true {
            let place = try self.place()
            guard try TreeChanger.run(["apply", place.root, place.store, place.wanted], killedAt: step).signal != 0 else { break }
            let now = try RandomTree.listing(place.root)
            if now != place.before && now != place.after { last = step }
            step += 1
        }
        guard let last else { throw TestSupportError("never in between") }
        return last
    }
}

/// A tree, what it is to become, and a store.
final class Place {
    let temporary: TemporaryDirectory
    let seed: UInt64
    let root: String
    let wanted: String
    let store: String
    let before: [String]
    let after: [String]

    init(seed: UInt64, identity: TestIdentity = .root, entries: Int = 12, parent: String = "/tmp") throws {
        self.seed = seed
        temporary = try TemporaryDirectory(in: parent)
        root = temporary("root")
        wanted = temporary("wanted")
        store = temporary("store")
        var tree = RandomTree(seed: seed)
        try FileSystem.makeDirectories(root, mode: 0o755)
        try tree.fill(root, entries: entries)
        try RandomTree.copy(root, to: wanted)
        try tree.change(wanted)
        if getuid() == 0 {
            let owned = try ChildProcess.run(["/bin/chown", "-R", "--no-dereference", "\(identity.user):\(identity.group)", temporary.path])
            guard owned.exitCode == 0 else { throw TestSupportError("chown: \(owned)") }
        }
        before = try RandomTree.listing(root)
        after = try RandomTree.listing(wanted)
    }

    /// What a transaction has left.
    func pending() throws -> [String] {
        let pending = store + "/pending"
        let hidden = try FileSystem.list(root).filter { $0.hasPrefix(".coop-landing") }
        return FileSystem.kind(pending) == .directory ? try FileSystem.list(pending) + hidden : hidden
    }
}
