#if COOP_TEST_HOOKS
    import Glibc
#endif

/// The points at which a change of coop's own files can be cut off: before and after every call that makes, fills, renames or removes one.
///
/// A test build ends itself there with SIGKILL, at the point whose number `COOP_TEST_KILL_AT` holds; so a test can try every one of them.
/// A release build has neither the code nor the name.
package enum WriteStep {
    /// Passes the next point.
    @inline(__always)
    package static func pass() {
        #if COOP_TEST_HOOKS
            TestKill.pass()
        #endif
    }

    /// How many of `count` bytes a single write(2) may take: fewer than all where it is to be cut off in the middle.
    @inline(__always)
    package static func share(of count: Int) -> Int {
        #if COOP_TEST_HOOKS
            TestKill.share(of: count)
        #else
            count
        #endif
    }
}

#if COOP_TEST_HOOKS
    private enum TestKill {
        private static let chosen = getenv("COOP_TEST_KILL_AT").flatMap { Int(String(cString: $0)) } ?? 0
        // Commands that change files do it on one thread; a count that is off by one elsewhere only moves the point.
        nonisolated(unsafe) private static var passed = 0

        static func pass() {
            guard chosen > 0 else { return }
            passed += 1
            if passed >= chosen { kill(getpid(), SIGKILL) }
        }

        static func share(of count: Int) -> Int {
            guard chosen > 0 else { return count }
            passed += 1
            // Half of it, and the end at the next point.
            return passed == chosen ? count / 2 : count
        }
    }
#endif
