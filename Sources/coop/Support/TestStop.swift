#if COOP_TEST_HOOKS
    import Glibc
    import Projects

    /// Stops the process, as SIGSTOP does, at a step that a test names by `COOP_TEST_STOP_AT`. Exists in test builds only.
    enum TestStop {
        static func reached(_ step: String) {
            guard environmentVariable("COOP_TEST_STOP_AT") == step else { return }
            kill(getpid(), SIGSTOP)
        }
    }
#endif
