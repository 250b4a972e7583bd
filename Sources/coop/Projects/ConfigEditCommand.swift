import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Projects

struct ConfigEdit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Edit a configuration file; what is wrong is never saved.",
        discussion: """
            Your editor ($VISUAL, $EDITOR, or vi) gets a copy of the file. When you leave it, the copy is checked, and takes the file's
            place in one step. At a terminal you can go back to mend what is wrong.

            Examples:
              coop config edit
              coop config edit --user
            """)

    @OptionGroup var file: ConfigFileOptions
    @Flag(help: "Print JSON.") var json = false
    @Flag(help: "Never ask; refuse what is wrong.") var noInput = false

    private struct Report: Encodable {
        var version = 1
        var file: String
        var changed: Bool
    }

    func run() throws {
        let context = try Context()
        let editor = try file.editor(context)
        let (old, before) = try editor.text()
        let draft = try ConfigurationDraft(of: editor.file, home: context.home, text: old)
        var edited: [UInt8]
        while true {
            edited = try draft.edit()
            let problems = edited == old ? [] : editor.problems(in: edited)
            if problems.isEmpty { break }
            let lines = problems.map { "\($0.origin): \($0.reason)" }.joined(separator: "\n")
            FileHandleOutput.standardError(lines.printableLines + "\n")
            guard Terminal.canAsk, Terminal.confirm("Nothing is saved yet. Edit again?", standard: true) else {
                let kept = try draft.keep(edited)
                throw CoopError(
                    .configuration, "\(editor.file.name.printable) was not changed",
                    "the new text is wrong; it is kept in \(kept.printable)", next: editor.file.editCommand)
            }
        }
        try draft.discard()
        if edited != old {
            do throws(CoopError) {
                try editor.replace(with: edited, insteadOf: before)
            } catch {
                let kept = try draft.keep(edited)
                throw CoopError(error.code, error.what, "\(error.why); your text is kept in \(kept.printable)", next: error.next)
            }
        }
        if json {
            print(try JSONText.encode(Report(file: editor.file.path, changed: edited != old)))
        } else if edited == old {
            print("Nothing was changed.")
        }
    }
}

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
        let program = [environmentVariable("VISUAL"), environmentVariable("EDITOR")].compactMap { $0 }.first { !$0.isEmpty } ?? "vi"
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

/// A program that the user works with at this terminal, in place of coop.
enum ForegroundProgram {
    /// Runs it with coop's own streams. Ctrl-C and Ctrl-\\ are the program's (system(3)).
    ///
    /// - Returns: its exit code, or 128+n when signal n ended it.
    static func run(_ words: [String]) throws(CoopError) -> Int32 {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var ignored = sigset_t()
        sigemptyset(&ignored)
        sigaddset(&ignored, SIGINT)
        sigaddset(&ignored, SIGQUIT)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        posix_spawnattr_setsigdefault(&attributes, &ignored)
        let interrupt = signal(SIGINT, SIG_IGN)
        let quit = signal(SIGQUIT, SIG_IGN)
        defer {
            signal(SIGINT, interrupt)
            signal(SIGQUIT, quit)
        }
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { $0.withOSBytes { strdup($0) } } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, words[0], nil, &attributes, &argv, environ)
        guard code == 0 else {
            throw CoopError(.failed, "cannot run \(words[0].printable)", SystemError.text(for: code), next: "ls -l \(words[0].printable)")
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else {
                throw CoopError(.failed, "cannot wait for the program", SystemError.text(for: errno), next: "coop doctor")
            }
        }
        // wait(2): the lowest seven bits are the signal, the second byte the code.
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }
}
