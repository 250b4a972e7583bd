import Glibc
import LinuxKernel
import TestSupport

/// curl, as a client that nobody here wrote.
enum Curl {
    static let isInstalled = access("/usr/bin/curl", X_OK) == 0

    /// Runs curl against the gateway, trusting only the sandbox's authority.
    static func run(_ gateway: TestGateway, _ arguments: [String], scheme: String = "https", input: ChildProcess.Input = .null) throws
        -> ChildProcess.Outcome
    {
        let roots = "/tmp/coop-curl-\(getpid())-\(gateway.port).pem"
        let file = try Descriptor.open(roots, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try file.writeAll(Array(PEM.encode(gateway.authority.certificate).utf8))
        defer { unlink(roots) }
        let port = scheme == "https" ? 443 : 80
        return try ChildProcess.run(
            [
                "/usr/bin/curl", "-sS", "--max-time", "600", "--cacert", roots, "--noproxy", "*",
                "--connect-to", "\(TestGateway.name):\(port):127.0.0.1:\(gateway.port)",
            ] + arguments, input: input, timeout: 660)
    }

    static func url(_ path: String) -> String { "https://\(TestGateway.name)\(path)" }
}
