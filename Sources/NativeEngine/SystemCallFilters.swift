import CoopErrors
import LinuxKernel
import Sandbox
import Seccomp

/// Compiles the system call filters of a spec: the built-in allow-list, and the user's profile stacked on it, which can
/// only narrow.
enum SystemCallFilters {
    static func compile(_ policy: SystemCalls, kernel: String) throws(CoopError) -> [(name: String, program: [UInt8])] {
        var result = [(name: "built-in", program: try SeccompPolicy.default.adding(policy.groups).program())]
        guard let path = policy.profile else { return result }
        let text: [UInt8]
        do {
            text = try FileSystem.read(path, limit: 4 << 20)
        } catch {
            throw CoopError(.configuration, "cannot read the seccomp profile", "\(error)", next: "check the path after --seccomp")
        }
        result.append((name: path, program: try SeccompProfile(json: text, path: path).program(kernelRelease: kernel)))
        return result
    }
}
