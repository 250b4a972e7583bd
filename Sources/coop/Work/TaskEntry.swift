import CoopErrors
import LinuxKernel
import Tasks
import Vault
import Workspaces

/// One task as lists show it.
struct TaskEntry {
    enum State: String {
        /// A session works in it.
        case running
        /// There are changes that are not committed.
        case changed
        /// There are commits that are in no other branch.
        case ahead
        /// All that it ever had is merged.
        case merged
        /// Nothing has been done in it.
        case new
        /// Its tree, its branch, or git's record of it are gone, or cannot be read.
        case damaged
    }

    var record: TaskRecord
    var state: State
    var session: String?
    var tip: ObjectID?
    var ahead: Int?
    var behind: Int?
    /// Paths that are not committed, with git's two letters.
    var changed: [(state: String, path: String)] = []
    /// What is wrong with it.
    var damage: String?

    /// The base as a person reads it.
    var base: String { record.baseBranch.map(TaskRepository.short) ?? String(record.baseCommit.hex.prefix(10)) }

    init(_ record: TaskRecord, of tasks: ProjectTasks) throws {
        self.record = record
        state = .new
        do {
            session = try tasks.store.session(of: record.name)
            tip = try tasks.repository.tip(of: record)
            guard let tip else {
                (state, damage) = (.damaged, "the branch \(record.name.branch) is gone")
                return
            }
            let references = try tasks.repository.references().refs
            let base = record.baseBranch.flatMap { references[$0] } ?? record.baseCommit
            (ahead, behind) = try tasks.repository.divergence(tip, base)
            changed = try tasks.repository.changedFiles(of: record)
            if session != nil {
                state = .running
            } else if !changed.isEmpty {
                state = .changed
            } else if try tasks.repository.unmergedCommits(of: record) > 0 {
                state = .ahead
            } else if tip != record.baseCommit {
                state = .merged
            }
        } catch let error as CoopError {
            state = .damaged
            damage = error.message
        }
    }

    var json: JSONValue {
        var members: [JSONValue.Member] = []
        func put(_ name: String, _ value: JSONValue?) { if let value { members.append(.init(name, value)) } }
        put("ahead", ahead.map { .number("\($0)") })
        put("base", .string(base))
        put("baseCommit", .string(record.baseCommit.hex))
        put("behind", behind.map { .number("\($0)") })
        put("branch", .string(record.name.branch))
        put("changed", .array(changed.map { .object([.init("path", .string($0.path)), .init("state", .string($0.state))]) }))
        put("created", .number("\(record.created)"))
        put("damage", damage.map { .string($0) })
        put("merged", record.merged.map { .string($0.hex) })
        put("name", .string(record.name.text))
        put("path", .string(record.tree))
        put("session", session.map { .string($0) })
        put("state", .string(state.rawValue))
        put("tip", tip.map { .string($0.hex) })
        return .object(members)
    }
}
