import CoopErrors
import LinuxKernel
import Projects
import Sandbox

/// The sandboxes of a project that live, or are only being prepared.
struct LiveProject {
    let context: Context
    let record: ProjectRecord

    /// Their ids.
    func sandboxes() throws(CoopError) -> [String] {
        do {
            return try SessionDirectory.ids(in: context.run).filter { id in
                guard SessionDirectory.isLive(run: context.run, id: id) else { return false }
                guard let root = try WorkspaceSession.root(run: context.run, id: id) else { return false }
                return root == record.path || FileSystem.contains(context.home.directory(of: record.key), root)
            }
        } catch {
            throw CoopError(.failed, "cannot look at the running sandboxes", "\(error)", next: "coop ps")
        }
    }

    /// - Throws: `notReady` when there is one.
    func refuse(_ what: String) throws(CoopError) {
        guard let first = try sandboxes().first else { return }
        throw CoopError(.notReady, what, "the sandbox \(first) works on it", next: "coop stop \(first)")
    }
}
