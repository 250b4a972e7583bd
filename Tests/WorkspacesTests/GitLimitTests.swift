import LinuxKernel
import TestSupport
import Testing

@testable import Workspaces

/// What git on the host may use while it works on what a sandbox has made.
@Suite struct GitLimitTests {
    private func git(_ script: String, _ limits: HostProcess.Limits = .init()) throws -> HostProcess.Outcome {
        let call = HardenedGit.Call(gitDirectory: "/nonexistent", limits: limits)
        return try HardenedGit(executable: gitProgram).run(["-c", "alias.x=!" + script, "x"], input: [], call)
    }

    @Test func `its memory has a limit that nobody has to name`() throws {
        for (memory, bytes) in [(nil, 2 << 30), (64 << 20, 64 << 20)] as [(UInt64?, Int)] {
            // Limits are set when it has begun: the shell that it starts may be earlier, and looks at git's own (proc(5), `/proc/pid/limits`).
            let script = "until grep -q \"Max data size  *\(bytes) \" /proc/$PPID/limits; do :; done"
            #expect(try git(script, .init(memory: memory, timeout: 60_000)).status == .exited(0))
        }
    }

    @Test func `what it prints takes no more memory than is wanted of it`() throws {
        #expect(String(osBytes: try git("printf 1234", .init(output: 5)).output) == "1234")
        #expect(throws: SystemError.self) { try git("head -c 100000000 /dev/zero", .init(output: 1 << 20)) }
        let complaint = try git("head -c 3000000 /dev/zero >&2; exit 3")
        #expect(complaint.errors.count <= 1 << 20 && complaint.status == .exited(3))
    }
}
