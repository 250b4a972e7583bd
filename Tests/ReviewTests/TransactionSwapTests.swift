import CLinux
import Glibc
import LinuxKernel
import Review
import TestSupport
import Testing

/// A directory that is a link out of the tree every other moment, at whatever moment that is.
@Suite struct TransactionSwapTests {
    /// Until when the directory and the link change places.
    private final class Swapping: @unchecked Sendable {
        private let lock: UnsafeMutablePointer<pthread_mutex_t>
        private var isOver = false
        private var exchanges = 0

        init() {
            lock = .allocate(capacity: 1)
            pthread_mutex_init(lock, nil)
        }

        deinit { lock.deallocate() }

        private func locked<Value>(_ body: () -> Value) -> Value {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            return body()
        }

        var count: Int { locked { exchanges } }

        func stop() { locked { isOver = true } }

        /// - Returns: false when it is over.
        func next() -> Bool {
            locked {
                exchanges += 1
                return !isOver
            }
        }
    }

    @Test func nothingOutsideIsReadWrittenOrRemoved() throws {
        let place = try TemporaryDirectory()
        let (root, outside) = (place("root"), place("outside"))
        for directory in [root + "/src", outside] { try FileSystem.makeDirectories(directory, mode: 0o755) }
        for name in ["a", "b", "c"] { try FileSystem.replace("\(outside)/\(name)", with: "outside".utf8, mode: 0o644) }
        for name in ["a", "b"] { try FileSystem.replace("\(root)/src/\(name)", with: "old".utf8, mode: 0o644) }
        symlink(outside, root + "/other")
        let before = try RandomTree.listing(outside)
        let swapping = Swapping()
        let (one, two) = (root + "/src", root + "/other")
        let thread = try BackgroundThread.start {
            while swapping.next() {
                _ = coop_renameat2(AT_FDCWD, one, AT_FDCWD, two, UInt32(COOP_RENAME_EXCHANGE))
                usleep(50)
            }
        }
        let store = LandingStore(directory: place("store"))
        // However the two threads take turns: on until there were enough exchanges, and a landing between two of them.
        let deadline = Deadline(seconds: 120)
        var (number, landed) = (0, 0)
        while number < 150 || ((landed == 0 || swapping.count <= 100) && !deadline.hasPassed) {
            defer { number += 1 }
            let changes = [
                Change(path: "src/a", before: nil, after: .file("new \(number)")), Change(path: "src/b", before: nil, after: nil),
                Change(path: "src/c", before: nil, after: .file("new \(number)")),
                Change(path: "top", before: nil, after: .file("new \(number)")),
            ]
            // Whatever is there: every second one finds the link.
            guard let plan = try? LandingPlanner(root: root, isUntouched: { _, _ in true }).plan(changes) else { continue }
            for item in plan.items { #expect((try? item.now?.content(limit: 100)) != Array("outside".utf8)) }
            let transaction = TreeTransaction(root: root, store: store, note: LandingNote(kind: .apply, subject: "x"), edits: plan.edits)
            if (try? transaction.run()) != nil, plan.conflicts.isEmpty { landed += 1 }
        }
        swapping.stop()
        pthread_join(thread, nil)
        #expect(try RandomTree.listing(outside) == before)
        #expect(swapping.count > 100 && landed > 0, "\(swapping.count) \(landed)")
        #expect(try FileSystem.list(place("store") + "/pending") == [])
        if FileSystem.kind(one, followLinks: false) == .symlink {
            _ = coop_renameat2(AT_FDCWD, one, AT_FDCWD, two, UInt32(COOP_RENAME_EXCHANGE))
        }
        // Nothing was put anywhere but where it belongs.
        #expect(try Set(FileSystem.list(root)).isSubset(of: ["src", "other", "top"]))
        #expect(try Set(FileSystem.list(one)).isSubset(of: ["a", "b", "c"]))
    }
}
