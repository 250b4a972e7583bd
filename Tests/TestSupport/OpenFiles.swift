import Glibc

/// How many files this process may hold open at once.
public enum OpenFiles {
    /// Raises the limit for tests with thousands of connections, as far as they need it and this process may (setrlimit(2)).
    public static func raiseLimit() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard limit.rlim_cur < 16384 else { return }
        limit.rlim_cur = min(limit.rlim_max, 16384)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
