import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox

extension SessionRecord {
    /// Whether it works on the project's own tree, or on that of a task of it.
    func isOf(_ project: Project, _ context: Context) -> Bool {
        workspace == project.root || FileSystem.contains(context.home.directory(.tasks, of: project.key), workspace)
    }
}

/// The live sandboxes of this user.
struct Sessions {
    let context: Context

    /// The records of all that live, the oldest first.
    func all() throws -> [SessionRecord] {
        var result: [SessionRecord] = []
        for id in try SessionDirectory.ids(in: context.run) {
            guard let bytes = try SessionDirectory.record(run: context.run, id: id) else { continue }
            // One that is over, and could not be cleared away yet, runs no more, whatever its record says.
            guard SessionDirectory.isLive(run: context.run, id: id) else { continue }
            do {
                result.append(try JSONText.decode(SessionRecord.self, from: bytes))
            } catch {
                throw CoopError(
                    .failed, "cannot read the record of the sandbox \(id.printable)", "\(error)",
                    next: "rm -r \(context.run.printable)/\(id.printable)")
            }
        }
        return result.sorted { $0.started < $1.started }
    }

    /// The sandbox that a name, an id, or at least four characters of an id mean.
    func find(_ text: String) throws -> SessionRecord {
        let all = try all()
        if let exact = all.first(where: { $0.name == text || $0.id == text }) { return exact }
        let matches = text.utf8.count >= 4 ? all.filter { $0.id.hasPrefix(text) } : []
        if matches.count == 1 { return matches[0] }
        if matches.count > 1 {
            throw CoopError(
                .usage, "`\(text.printable)` is not unique",
                matches.map { "\($0.id)\($0.name.map { " (\($0))" } ?? "")" }.joined(separator: ", "),
                next: "coop ps")
        }
        // Whatever keeps past ones from being read: none of that name runs.
        if let past = try? SessionStore(context: context).find(text) {
            throw CoopError(
                .notFound, "there is no running sandbox `\(text.printable)`", "the session \(past.id) is over", next: "coop ps -a")
        }
        let short = text.utf8.count < 4 ? ", and the beginning of an id needs four characters" : ""
        throw CoopError(.notFound, "there is no running sandbox `\(text.printable)`", "no name or id matches\(short)", next: "coop ps")
    }
}
