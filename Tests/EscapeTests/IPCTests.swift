import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct IPCTests {
    @Test("shared memory and message queues of the host do not exist inside", arguments: TestIdentity.all)
    func memory(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let holder = try ChildProcess(identity.arguments([try place.armed(), "hold_memory"]), environment: place.environment, input: .pipe)
        try #require(try holder.waitForOutput(" .\n"), "\(holder.outputText)\(holder.errorText)")
        let words = holder.outputText.split(separator: " ").map(String.init)
        try place.expectRefused(["shared_memory", words[1]], control: .outside)
        try place.expectRefused(["posix_memory", words[2]], control: .outside)
        try place.expectRefused(["posix_queue", words[2]], control: .outside)
        holder.closeInput()
        _ = try holder.wait(timeout: 60)
    }

    @Test("keys of the host's keyrings cannot be named", arguments: TestIdentity.all)
    func keys(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.expectRefused(["file_read", "/proc/keys"], control: .none)
        for attack in [["keyctl_session"], ["key_request", "x"]] { try place.expectRefused(attack, control: .without("seccomp")) }
    }
}
