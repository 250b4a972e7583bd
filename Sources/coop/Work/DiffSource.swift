import CoopErrors
import LinuxKernel
import Review
import Sessions
import Tasks
import Workspaces

/// What `coop diff` shows: what a session did in its overlay, or what a task has that its base lacks.
struct DiffSource {
    /// The session's id, or the task's name.
    let name: String
    let session: String?
    let task: String?
    /// The tree that it would land in, absolute.
    let root: String
    let changes: [Change]
    /// Relative to the root of the tree; none for everything.
    let paths: [String]
    /// Where git has put what the changes are read from.
    private let place: MergeStore.Place?

    /// - Parameter words: `[ID] [PATH…]`, where a task is named as well as a session.
    init(_ words: [String], context: Context) throws {
        if let first = words.first, let task = try DiffSource.task(first, context: context) {
            self = try DiffSource(task: task, words.dropFirst(), context: context)
            return
        }
        let selection = try DiffSource.selection(words, context)
        name = selection.name
        (session, task, place) = (selection.session.id, nil, nil)
        root = selection.overlay.root
        paths = selection.paths
        changes = try selection.overlay.changes(selection.paths)
    }

    private static func selection(_ words: [String], _ context: Context) throws -> WorkSelection {
        do throws(CoopError) { return try WorkSelection(words, context: context, command: "coop diff") } catch {
            guard words.isEmpty, error.code == .notFound, let task = try ProjectTasks.store(context, context.project()).all().last else {
                throw error
            }
            throw CoopError(
                .notFound, "no session of this project has changes to look at", "its tasks are shown by their names",
                next: "coop diff \(task.name)")
        }
    }

    /// The task that a word means: its own name, or that of a session which worked in it.
    private static func task(_ text: String, context: Context) throws -> String? {
        if text.utf8.contains(UInt8(ascii: "/")) { return nil }
        let project = try context.project()
        let store = ProjectTasks.store(context, project)
        do throws(CoopError) {
            let session = try SessionStore(context: context).find(text)
            guard let task = session.summary.task else { return nil }
            guard session.project == project.key.text else {
                throw CoopError(
                    .usage, "cannot show what the session \(session.id.printable) did", "it worked in a task of another project",
                    next: "coop diff \(task.shellQuoted), in \(session.summary.workspace.shellQuoted)")
            }
            return task
        } catch {
            guard error.code == .notFound, let name = try? TaskName(text), try store.task(name) != nil else {
                if error.code == .notFound { return nil }
                throw error
            }
            return name.text
        }
    }

    private init(task text: String, _ words: ArraySlice<String>, context: Context) throws {
        let tasks = try ProjectTasks(context: context)
        let record = try tasks.store.find(text)
        let references = try tasks.repository.references().refs
        let place = try context.merges.begin()
        let git = try tasks.isolatedGit(in: place, head: nil)
        let work = try TaskWork(
            of: record, in: tasks.repository, baseTip: record.baseBranch.flatMap { references[$0] } ?? record.baseCommit, git: git)
        name = record.name.text
        (session, task, self.place) = (nil, record.name.text, place)
        root = tasks.repository.repository.workTree
        changes = work.changes
        var paths: [String] = []
        for word in words {
            let path = FileSystem.normalize(FileSystem.join(context.currentDirectory, word))
            // In the user's own tree as well as in the task's.
            guard let relative = FileSystem.relative(path, to: record.tree) ?? FileSystem.relative(path, to: root) else {
                throw CoopError(
                    .usage, "cannot choose \(word.printable)", "it is not in \(root.printable), which \(name) is a task of",
                    next: "coop diff \(name)")
            }
            paths.append(relative.isEmpty ? "." : relative)
        }
        self.paths = paths.contains(".") ? [] : paths
    }
}
