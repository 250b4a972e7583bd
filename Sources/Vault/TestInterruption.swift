#if COOP_TEST_HOOKS
    import Glibc

    /// Ends the process as `kill -9` would, at a step that a test names by `COOP_TEST_KILL_AT`. Exists in test builds only.
    enum TestInterruption {
        static func reached(_ step: String) {
            guard let wanted = getenv("COOP_TEST_KILL_AT"), String(cString: wanted) == step else { return }
            kill(getpid(), SIGKILL)
        }
    }
#endif
