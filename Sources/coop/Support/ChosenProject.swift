import CoopErrors
import Glibc
import LinuxKernel
import Projects

/// `--project`: the command works as if it had been started in that project's root.
enum ChosenProject {
    /// What was given, until the process stands there; nil where nothing was. Set while the command line is read, by the one thread there is.
    nonisolated(unsafe) static var text: String?

    /// Takes the option off the words before a command's name: the same name behind it may be an option of the command's own.
    static func take(from words: [String]) throws(CoopError) -> [String] {
        guard let first = words.first, first == "--project" || first.hasPrefix("--project=") else { return words }
        let value = first == "--project" ? words.dropFirst().first : String(first.dropFirst("--project=".utf8.count))
        guard let value, !value.isEmpty else {
            throw CoopError(
                .usage, "cannot understand the command line", "--project needs the name or the path of a project", next: "coop project list"
            )
        }
        text = value
        return Array(words.dropFirst(first == "--project" ? 2 : 1))
    }

    /// Goes to the project's root.
    static func enter(_ home: CoopHome) throws(CoopError) {
        guard let wanted = text else { return }
        let directory = try directory(wanted, home: home)
        guard directory.withOSBytes({ chdir($0) }) == 0 else {
            throw CoopError(
                .failed, "cannot work in the project `\(wanted.printable)`", SystemError("chdir", directory).description,
                next: "ls -ld \(directory.shellQuoted)")
        }
        text = nil
    }

    /// A name, an id, or a path, which begins with `/`, `.` or `~`.
    static func directory(_ text: String, home: CoopHome) throws(CoopError) -> String {
        if isPath(text) {
            guard let path = FileSystem.realPath(expanded(text, home)), FileSystem.kind(path) == .directory else {
                throw CoopError(
                    .notFound, "there is no project at \(text.printable)", "it is not a directory", next: "coop project list")
            }
            return path
        }
        let record = try ProjectRegistry(home: home).find(text)
        guard FileSystem.kind(record.path) == .directory else { throw gone(record) }
        return record.path
    }

    static func isPath(_ text: String) -> Bool { text.hasPrefix("/") || text.hasPrefix(".") || text == "~" || text.hasPrefix("~/") }

    static func expanded(_ text: String, _ home: CoopHome) -> String {
        if text == "~" { return home.userHome }
        return text.hasPrefix("~/") ? FileSystem.join(home.userHome, String(text.dropFirst(2))) : text
    }

    static func gone(_ record: ProjectRecord) -> CoopError {
        CoopError(
            .notFound, "cannot work in the project `\(record.title.printable)`", "\(record.path.printable) is gone",
            next: "cd WHERE-IT-IS-NOW && coop project move \(record.title.shellQuoted)")
    }
}
