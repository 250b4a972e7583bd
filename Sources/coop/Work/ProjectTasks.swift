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

    private static func repository(_ context: Context) throws -> TaskRepository {
        let state = FileSystem.join(context.home.path, "state/git")
        try context.home.prepare(state)
        let variables = Dictionary(EnvironmentBuilder.host().map { ($0.name, $0.value) }) { first, _ in first }
        return try TaskRepository(
            of: try context.project().root, git: try HostGit.find(path: environmentVariable("PATH") ?? "/usr/bin:/bin"),
            stateDirectory: state, user: GitUserConfiguration(environment: variables))
    }
}
