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
                let place = try Place(seed: UInt64(1000 + seed), identity: identity, entries: 5)
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
                let again = try TreeChanger.run(all, as: identity)
                #expect(again.exitCode == 0 || (words == ["undo"] && now == place.before), "step \(step): \(again)")
                #expect(try RandomTree.listing(place.root) == (words == ["apply"] ? place.after : place.before))
                step += 1
            }
            #expect(outcomes == ["old", "new"])
        }
    }

    @Test func aKilledRecoveryIsRecoveredFrom() throws {
        // In the middle of the steps in the tree; then the recovery is killed at each of its own.
        var recovery = 1
        while true {
            let place = try Place(seed: 77, identity: .root, entries: 5)
            let steps = try killPointInTheTree(place)
            let fresh = try Place(seed: 77, identity: .root, entries: 5)
            try #require(
                try TreeChanger.run(["apply", fresh.root, fresh.store, fresh.wanted], killedAt: steps).signal != 0)
            try #require(try RandomTree.listing(fresh.root) != fresh.before)
            let killed = try TreeChanger.run(["recover", fresh.store], killedAt: recovery)
            try #expect(TreeChanger.run(["recover", fresh.store]).exitCode == 0)
            #expect(try RandomTree.listing(fresh.root) == fresh.before, "\(recovery)")
            #expect(try fresh.pending() == [])
            if killed.signal == 0 { break }
            recovery += 1
        }
        #expect(recovery > 5)
    }

    /// A point of a kill at which the tree is between old and new.
    private func killPointInTheTree(_ place: Place) throws -> Int {
        var step = 1
        while true {
            let fresh = try Place(seed: place.seed, identity: .root, entries: 5)
            guard try TreeChanger.run(["apply", fresh.root, fresh.store, fresh.wanted], killedAt: step).signal != 0 else {
                throw TestSupportError("never in between")
            }
            let now = try RandomTree.listing(fresh.root)
            if now != fresh.before && now != fresh.after { return step + 4 }
            step += 1
        }
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

    init(seed: UInt64, identity: TestIdentity = .root, entries: Int = 12) throws {
        self.seed = seed
        temporary = try TemporaryDirectory()
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
