import CoopErrors
import LinuxKernel
import Overlays
import Projects
import Sandbox

extension SpecBuilder {
    /// The workspace in one of the modes.
    func workspace(_ mode: WorkspaceMode) throws(CoopError) -> Workspace {
        if let task { return Workspace(path: task.record.tree, mode: .bind, task: task.record.name.text) }
        switch mode {
        case .none: return Workspace(path: project.root, mode: .none)
        case .bind, .worktree: return Workspace(path: project.root, mode: .bind)
        case .overlay:
            try refuseMountsBelow()
            let session = SessionStore(context: context).directory(of: id, project: project.key)
            return Workspace(path: project.root, mode: .overlay, overlay: FileSystem.join(session, OverlayDirectory.name))
        }
    }

    /// An overlay shows one file system. The kernel refuses to hide what is mounted below it from an ordinary user, and would hide it from root.
    private func refuseMountsBelow() throws(CoopError) {
        let root = project.root
        let mounts: [MountInfo]
        do { mounts = try MountInfo.read() } catch {
            throw CoopError(.failed, "cannot list the mounts of this machine", "\(error)", next: "coop doctor")
        }
        for mount in mounts {
            let point = mount.mountPoint
            guard let below = FileSystem.relative(point, to: root), !below.isEmpty else { continue }
            throw CoopError(
                .refused, "cannot lay an overlay over \(root.printable)",
                "another file system is mounted at \(point.printable), which would not be seen through it",
                next: "umount \(point.shellQuoted), or coop run --workspace bind -- …")
        }
    }
}
