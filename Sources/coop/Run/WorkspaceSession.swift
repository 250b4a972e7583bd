import CoopErrors
import LinuxKernel
import Projects
import Sandbox
import Workspaces

/// What a sandbox's work needs on the host beside the sandbox itself.
final class WorkspaceSession {
    /// Whether nothing is left that a later command would have to finish.
    private(set) var isSettled = true

    static func prepare(
        spec: inout SandboxSpec, session: SessionDirectory, context: Context, project: Project, protect: [String]
    ) throws -> WorkspaceSession {
        WorkspaceSession()
    }

    static func describe(spec: inout SandboxSpec, context: Context, project: Project, protect: [String]) throws {}

    func finish() throws {}

    static func settle(_ remains: SessionDirectory, context: Context) throws -> Bool { true }
}
