import CoopErrors
import Glibc
import LinuxKernel
import Projects

/// A private copy of a configuration file, which an editor of the user's changes. It lies where no sandbox and no other user can reach it,
/// with nothing beside it that an editor would obey.
struct ConfigurationDraft {
    private let directory: String
    private let name: String
    private let home: CoopHome

    init(of file: ConfigurationFile, home: CoopHome, text: [UInt8]) throws {
        self.home = home
        name = FileSystem.lastComponent(of: file.path)
        let parent = FileSystem.join(home.path, "state")
        try home.prepare(parent)
        try ConfigurationDraft.clear(parent)
        directory = FileSystem.join(parent, "edit.\(getpid())")
        try FileSystem.removeTree(directory)
        try home.prepare(directory)
        try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600).writeAll(text, subject: path)
    }

    private var path: String { FileSystem.join(directory, name) }

    /// What edits that were killed have left; an edit lives as long as its process.
    private static func clear(_ parent: String) throws {
        for entry in try FileSystem.list(parent) where entry.hasPrefix("edit.") {
            guard let process = pid_t(entry.dropFirst(5)), kill(process, 0) != 0, errno == ESRCH else { continue }
            try FileSystem.removeTree(FileSystem.join(parent, entry))
        }
    }

    /// Lets the user edit it.
    ///
    /// - Returns: the text afterwards.
    func edit() throws -> [UInt8] {
        let chosen = [environmentVariable("VISUAL"), environmentVariable("EDITOR")].compactMap { $0 }.first { !$0.isEmpty }
        // What the user has chosen may need no terminal.
        guard chosen != nil || isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 else {
            try discard()
            throw CoopError(
                .refused, "the configuration was not changed", "there is no terminal for an editor", next: "coop config set KEY VALUE")
        }
        let program = chosen ?? "vi"
        // As git does: the variable may hold options. The editor starts beside the copy, not in the project, whose files it might obey.
        let outcome = try ForegroundProgram.run(["/bin/sh", "-c", "cd -- \"$1\" && \(program) \"$2\"", program, directory, path])
        guard outcome == 0 else {
            try discard()
            throw CoopError(
                outcome == 127 ? .notReady : .failed, "the configuration was not changed",
                outcome == 127 ? "there is no editor `\(program.printable)`" : "the editor `\(program.printable)` ended with \(outcome)",
                next: outcome == 127 ? "export EDITOR=PROGRAM" : "coop config edit")
        }
        do {
            return try FileSystem.read(path, limit: 16 << 20)
        } catch {
            try discard()
            throw CoopError(
                .failed, "the configuration was not changed", "the editor left no file (\(error.reason))", next: "coop config edit")
        }
    }

    /// Keeps a text that was not saved for the user, and nothing else.
    ///
    /// - Returns: where it is.
    func keep(_ text: [UInt8]) throws -> String {
        let kept = FileSystem.join(home.path, "state/rejected-" + name)
        try FileSystem.replace(kept, with: text)
        try discard()
        return home.abbreviated(kept)
    }

    func discard() throws { try FileSystem.removeTree(directory) }
}
