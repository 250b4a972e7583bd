import CoopErrors
import LinuxKernel
import Sandbox

/// Where mounts are to appear. A target that lies in a directory of the host exists there, or is made in the workspace for the
/// time of the session; nothing else of the host is ever changed to make room for a mount.
struct MountTargets {
    let workspace: Workspace
    /// What was asked for, in any order.
    let mounts: [Mount]
    /// Directories of the host's own that appear read-only.
    let systemDirectories: [String]

    func check() throws(CoopError) {
        for mount in mounts { try check(mount) }
    }

    /// Directories of the host that are shown at a path inside, besides a mount's own.
    private func holders(of mount: Mount) -> [(source: String, target: String, readOnly: Bool)] {
        var result = systemDirectories.map { (source: $0, target: $0, readOnly: true) }
        if workspace.isShown { result.append((workspace.path, workspace.path, false)) }
        for other in mounts where other.isDirectory && other.target != mount.target {
            result.append((other.source, other.target, other.readOnly))
        }
        return result.filter { FileSystem.contains($0.target, mount.target) }
    }

    private func check(_ mount: Mount) throws(CoopError) {
        guard let holder = holders(of: mount).max(by: { $0.target.utf8.count < $1.target.utf8.count }) else { return }
        let what = "cannot mount something at \(mount.target.printable)"
        let elsewhere = "choose another GUEST: --mount \(mount.source.shellQuoted):/mnt/NAME"
        var place = holder.source
        let names = mount.target.dropFirst(holder.target.utf8.count).split(separator: "/").map(String.init)
        for (index, name) in names.enumerated() {
            place = FileSystem.join(place, name)
            let isLast = index == names.count - 1
            switch FileSystem.kind(place, followLinks: false) {
            case .directory where !isLast || mount.isDirectory: continue
            case .directory:
                throw CoopError(
                    .refused, what, "it is a directory, and \(mount.source.printable) is a file (\(mount.reason))", next: elsewhere)
            case .symlink:
                throw CoopError(.refused, what, "\(place.printable) is a symbolic link (\(mount.reason))", next: elsewhere)
            case nil:
                if workspace.isShown, holder.target == workspace.path, mount.isDirectory { return }
                let why =
                    holder.readOnly
                    ? "nothing is there, and \(holder.target.printable) is read-only inside (\(mount.reason))"
                    : "nothing is there, and nothing is made on the host for it (\(mount.reason))"
                throw CoopError(.refused, what, why, next: elsewhere)
            default:
                if isLast, !mount.isDirectory { continue }
                throw CoopError(
                    .refused, what,
                    "\(place.printable) is \(isLast ? "a file, and \(mount.source.printable) is a directory" : "no directory") (\(mount.reason))",
                    next: elsewhere)
            }
        }
    }
}
