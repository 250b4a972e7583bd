import CoopErrors
import Glibc
import LinuxKernel

/// Further processes of this program, all at the same time.
enum WriterGroup {
    /// Starts one process for each list of arguments and waits for all of them.
    static func run(_ argumentLists: [[String]]) throws {
        var children: [pid_t] = []
        for arguments in argumentLists {
            var argv: [UnsafeMutablePointer<CChar>?] = (["audit-benchmark"] + arguments).map { strdup($0) } + [nil]
            defer { for pointer in argv { free(pointer) } }
            var child: pid_t = 0
            let code = posix_spawn(&child, "/proc/self/exe", nil, nil, &argv, environ)
            guard code == 0 else { throw SystemError("posix_spawn", "/proc/self/exe", errno: code) }
            children.append(child)
        }
        var failed = 0
        for child in children {
            var status: Int32 = 0
            try check("waitpid") { waitpid(child, &status, 0) }
            if status != 0 { failed += 1 }
        }
        guard failed == 0 else { throw CoopError(.failed, "\(failed) of \(children.count) writers failed", "see above") }
    }
}
