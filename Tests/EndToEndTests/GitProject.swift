import LinuxKernel
import TestSupport

extension Sandboxed {
    /// Makes the project a git repository with one commit on `main`.
    func makeRepository() throws {
        let made = try outside([
            "/bin/sh", "-c",
            """
            git init -q -b main . && git config user.name Tester && git config user.email tester@example.com &&
            echo first > first && git add first && git commit -qm first
            """,
        ])
        guard made.exitCode == 0 else { throw TestSupportError("git: \(made)") }
    }

    /// What git says on the host, without its last line end.
    func git(_ arguments: String...) throws -> String {
        let outcome = try outside(["git"] + arguments)
        return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output + outcome.error
    }
}
