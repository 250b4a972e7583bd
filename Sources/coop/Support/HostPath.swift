import Glibc
import LinuxKernel
import Projects

/// Where programs are looked for that coop runs on the host: git, password managers, and what those start.
///
/// A project is often worked on with its own directories in PATH: a virtual environment, `node_modules/.bin`. What lies there was written by
/// a stranger, or by an earlier sandbox, and is for the inside alone.
enum HostPath {
    /// PATH as coop was started with it: the sandbox's is made from it.
    static let callers = environmentVariable("PATH") ?? ""

    /// Takes the entries in a workspace, and those that depend on the current directory, out of this process's own PATH.
    static func leaveOut(_ root: String) {
        let kept = HostPath.entries(of: callers, outside: root)
        setenv("PATH", kept.joined(separator: ":"), 1)
    }

    /// Gives a further process of coop's own what this one was started with.
    static func restore() {
        let path = callers
        if environmentVariable("PATH") != path { setenv("PATH", path, 1) }
    }

    static func entries(of path: String, outside root: String) -> [String] {
        path.split(separator: ":").map(String.init).filter { entry in
            entry.hasPrefix("/") && !FileSystem.contains(root, FileSystem.normalize(entry))
                && FileSystem.realPath(entry).map { !FileSystem.contains(root, $0) } ?? true
        }
    }
}
