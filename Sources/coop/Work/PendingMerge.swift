import CoopErrors
import LinuxKernel
import Review
import Tasks
import Workspaces

/// A merge that is about to be made: what goes where, as it is now.
struct PendingMerge {
    let tasks: ProjectTasks
    let record: TaskRecord
    /// The branch that moves, `refs/heads/main`.
    let reference: String
    /// The last commit of the task's branch.
    let tip: ObjectID
    /// That of the other branch; nil when it has none yet.
    let targetTip: ObjectID?
    /// The working tree that has the branch checked out; nil for none.
    let checkout: GitRepository?
    private let place: MergeStore.Place
    private let isolated: IsolatedGit

    init(tasks: ProjectTasks, record: TaskRecord, into: String?) throws {
        self.tasks = tasks
        self.record = record
        reference = try tasks.mergeTarget(into, of: record)
        let what = "cannot merge \(record.name)"
        let references = try tasks.repository.references()
        guard let tip = references.refs[record.name.reference] else {
            throw CoopError(.failed, what, "its branch \(record.name.branch) is gone", next: "coop task list")
        }
        self.tip = tip
        checkout = try tasks.checkout(of: reference, for: record)
        targetTip = references.refs[reference]
        // A branch that does not exist yet is one that is checked out without a commit.
        if targetTip == nil, checkout == nil {
            let branches = references.refs.keys.filter { $0.hasPrefix("refs/heads/") }.map(TaskRepository.short)
            let short = TaskRepository.short(reference)
            let near = NearestName.find(short, among: branches).map { "; did you mean `\($0.printable)`?" } ?? ""
            throw CoopError(
                .notFound, what, "there is no branch `\(short.printable)`\(near)", next: "coop task merge \(record.name) --into BRANCH")
        }
        place = try tasks.context.merges.begin()
        isolated = try tasks.isolatedGit(in: place, head: targetTip)
    }

    /// What is known before the merge is computed.
    func report(_ method: MergeMethod) throws -> MergeReport {
        var report = MergeReport(
            task: record.name.text, branch: record.name.branch, into: TaskRepository.short(reference), method: method.rawValue)
        if let session = try tasks.store.session(of: record.name) {
            report.notes.append("the session \(session.printable) still works in \(record.name); what it has committed is merged")
        }
        var changed = 0
        do {
            // A tree that is gone has nothing that could be missed.
            if FileSystem.kind(record.tree) == .directory { changed = try tasks.repository.changedFiles(of: record).count }
        } catch {
            report.notes.append(
                "whether everything in \(record.name) is committed cannot be told: \((error as? CoopError)?.why ?? "\(error)")")
        }
        if changed > 0 {
            report.notes.append(
                "\(changed == 1 ? "1 file" : "\(changed) files") in \(record.name) \(changed == 1 ? "is" : "are") not committed and not merged"
            )
        }
        return report
    }

    func compute(_ method: MergeMethod) throws -> MergeResult {
        try TaskMerge(
            git: isolated, branch: record.name.branch, tip: tip, target: TaskRepository.short(reference), targetTip: targetTip
        ).compute(method)
    }

    func landing(_ merged: MergedCommit, _ method: MergeMethod, _ context: Context) throws -> MergeLanding {
        let goal = MergeLanding.Goal(
            task: record, tip: tip, reference: reference, old: targetTip, merged: merged, method: method)
        return try MergeLanding(
            goal, isolated: isolated, host: try tasks.host(checkout), isCheckedOut: checkout != nil, place: place,
            landings: context.landings)
    }
}
