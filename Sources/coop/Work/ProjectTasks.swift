import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Tasks
import Workspaces

/// The tasks of the current project, and the repository that they are branches of.
struct ProjectTasks {
    let context: Context
    let project: Project
    let store: TaskStore
    let repository: TaskRepository

    init(context: Context) throws {
        self.init(context: context, project: try context.project(), repository: try ProjectTasks.repository(context))
    }

    private init(context: Context, project: Project, repository: TaskRepository) {
        self.context = context
        self.project = project
        self.repository = repository
        store = ProjectTasks.store(context, project)
    }

    static func store(_ context: Context, _ project: Project) -> TaskStore {
        TaskStore(directory: context.home.directory(.tasks, of: project.key))
    }

    /// Where it is written down what is being made or removed.
    static func journals(_ context: Context) -> String { FileSystem.join(context.home.path, "state/tasks") }

    private static func repository(_ context: Context) throws -> TaskRepository {
        try repository(of: context.project().root, context)
    }

    private static func repository(of root: String, _ context: Context) throws -> TaskRepository {
        let state = FileSystem.join(context.home.path, "state/git")
        try context.home.prepare(state)
        let variables = Dictionary(EnvironmentBuilder.host().map { ($0.name, $0.value) }) { first, _ in first }
        return try TaskRepository(
            of: root, git: try HostGit.find(path: environmentVariable("PATH") ?? "/usr/bin:/bin"),
            stateDirectory: state, user: GitUserConfiguration(environment: variables))
    }

    /// Says which tasks have a record that nothing can be told from, and what helps.
    func tellDamaged() throws {
        for task in try store.damaged() {
            FileHandleOutput.standardError("coop: \(task.error.message.printable)\nNext: \(task.error.next ?? "coop task list")\n")
        }
    }

    /// Finishes what killed commands began; with nothing to do this lists one directory.
    static func recover(_ context: Context) throws {
        try TaskWorktree.recover(journals: journals(context)) { try repository(of: $0, context) }
    }
}
