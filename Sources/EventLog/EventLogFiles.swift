import LinuxKernel

/// The files of one session's log, all in the session's directory.
struct EventLogFiles: Sendable {
    let directory: String

    /// Events and contents: an SQLite database in WAL mode.
    var database: String { FileSystem.join(directory, "events.db") }
    /// What the terminal received, byte after byte; events say which part is whose.
    var terminal: String { FileSystem.join(directory, "terminal") }
    /// What further commands have written, as far as it went through coop; absent while there is nothing.
    var executions: String { FileSystem.join(directory, "exec") }
    /// The number of the last event, little-endian: written after each commit, so that readers can wait for it with inotify(7). The
    /// database itself cannot tell them: a commit becomes visible by a store to shared memory.
    var tip: String { FileSystem.join(directory, "tip") }
    /// Space for the event that tells that the disk is full; gone when the session is over.
    var reserve: String { FileSystem.join(directory, "reserve") }
}
