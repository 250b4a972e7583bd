import CoopErrors
import Glibc
import LinuxKernel
import NativeEngine
import Overlays
import Sandbox
import Workspaces

/// What a sandbox that works in an overlay needs on the host: the private git directory, and the overlay with its base.
struct OverlayWork {
    let git: PrivateGit?
    let overlay: OverlayRecorder
    /// The mount, where root has made it; else the warden does.
    let mount: Descriptor?

    /// Makes it, and adds what the sandbox gets to see to the spec.
    init(spec: inout SandboxSpec, session: SessionDirectory, context: Context) throws {
        let path = spec.workspace.overlay ?? ""
        // The session's own directory, which its log lies in as well.
        try context.home.prepare(FileSystem.parent(of: path))
        let root = spec.workspace.path
        let mounted = (spec.mounts.filter(\.isDirectory).map(\.target) + spec.excludes).compactMap { target in
            FileSystem.relative(target, to: root).flatMap { $0.isEmpty ? nil : $0 }
        }
        do {
            git = try OverlayWork.addGit(to: &spec, session: session)
            // The warden follows no link on the way to it.
            let real = FileSystem.join(
                FileSystem.realPath(FileSystem.parent(of: path)) ?? FileSystem.parent(of: path), OverlayDirectory.name)
            spec.workspace.overlay = real
            let directory = OverlayDirectory(path: real)
            try directory.make(over: root)
            mount = OverlayMount.make(lower: root, upper: directory.upper, work: directory.work)
            spec.workspace.movesDirectories = mount != nil
            overlay = try OverlayRecorder(
                directory,
                OverlayRecorder.Setup(
                    root: root, covered: mounted, standing: OverlayWork.missing(mounted, in: root),
                    index: git.map { FileSystem.join($0.repository.gitDirectory, "index") }, isTrusted: mount != nil))
            if getuid() != 0, let foreign = overlay.foreign { OverlayWork.warn(of: foreign, in: root) }
        } catch {
            // Killed instead, it is the next command's.
            do { try OverlayDirectory(path: path).remove() } catch {
                WorkspaceSession.say("what was made for the overlay stays in \(path): \(error)")
            }
            throw OverlayWork.explain(error, root)
        }
    }

    /// Adds to the spec what `init` would, and makes nothing but in the session's own directory.
    static func describe(_ spec: inout SandboxSpec, session: SessionDirectory) throws {
        _ = try addGit(to: &spec, session: session)
        spec.workspace.movesDirectories = getuid() == 0
    }

    private static func addGit(to spec: inout SandboxSpec, session: SessionDirectory) throws -> PrivateGit? {
        guard let repository = try GitRepository.find(at: spec.workspace.path) else { return nil }
        let git = try WorkspaceSession.privateGit(of: repository, at: session.file(WorkspaceSession.gitName))
        WorkspaceSession.add(git, to: &spec)
        return git
    }

    /// Tools report it as "Value too large for defined data type", which explains it to nobody.
    private static func warn(of foreign: (count: Int, example: String), in root: String) {
        let path = FileSystem.join(root, foreign.example)
        FileHandleOutput.standardError(
            """
            coop: \(foreign.count == 1 ? "1 path belongs" : "\(foreign.count) paths belong") to another user or group than yours, and cannot be \
            changed or moved in the overlay: \(path.printable)
            Next: chgrp -R "$(id -gn)" \(root.shellQuoted)   # or for what belongs to another user: sudo chown -R "$(id -un):$(id -gn)" …

            """)
    }

    /// The directories that have to be made for these to be mounted on.
    private static func missing(_ targets: [String], in root: String) -> [String] {
        var result: [String] = []
        for target in targets {
            var path = target
            while !path.isEmpty, path != ".", FileSystem.kind(FileSystem.join(root, path), followLinks: false) == nil {
                result.append(path)
                path = FileSystem.parent(of: path)
            }
        }
        return result
    }

    private static func explain(_ error: any Error, _ root: String) -> any Error {
        guard let error = error as? SystemError else { return error }
        return CoopError(
            .failed, "cannot record how \(root.printable) is before the overlay changes it", error.description,
            next: error.isFull ? "df -h; df -i" : "ls -la \(root.shellQuoted)")
    }
}
