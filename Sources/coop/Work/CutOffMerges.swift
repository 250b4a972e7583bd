import CoopErrors
import LinuxKernel
import Projects
import Review
import Tasks
import Workspaces

/// Merges of tasks that a kill has cut off: the next command finishes them or takes them back.
struct CutOffMerges {
    let context: Context

    /// Whether the branch of a landing's merge has moved, so that its tree has to be the new one.
    func isCompleted(_ note: LandingNote, _ root: String) throws -> Bool {
        guard note.kind == .merge else { return false }
        return try context.merges.isCompleted(note, git: git(), views: views())
    }

    /// Once the trees are whole: index and record.
    func finish() throws {
        // Usually there is nothing.
        guard try FileSystem.kindIfPresent(context.merges.directory) == .directory else { return }
        let (recovered, failures) = try context.merges.recover(landings: context.landings, git: git, views: try views())
        for merge in recovered {
            let outcome = merge.isDone ? "has been finished" : "has been taken back; everything is as it was"
            FileHandleOutput.standardError("coop: a cut-off merge of \(merge.task.printable) \(outcome)\n")
        }
        for error in failures {
            let next = (error as? CoopError)?.next ?? "ls -la \(context.merges.directory.printable)"
            FileHandleOutput.standardError("coop: cannot finish a cut-off merge: \("\(error)".printableLines)\nNext: \(next)\n")
        }
    }

    private func git() throws -> String { try HostGit.find(path: environmentVariable("PATH") ?? "/usr/bin:/bin") }

    private func views() throws -> String {
        let path = FileSystem.join(context.home.path, "state/git")
        try context.home.prepare(path)
        return path
    }
}

extension Context {
    /// Where merges are kept while they are made.
    var merges: MergeStore { MergeStore(directory: FileSystem.join(home.path, "state/merge")) }
}
