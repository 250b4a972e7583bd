import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// Turns the end of a command into an exit code, and a command that never began into an error that helps.
enum CommandOutcome {
    static func code(of client: CommandClient, command: [String]) throws(CoopError) -> Int32 { try code(of: client.end, command: command) }

    /// A standard stream is a file that is none of the command's to write, or to read.
    ///
    /// - Parameter number: EPERM for such a file, otherwise why nobody can tell.
    static func guardedFile(_ number: Int32) -> CoopError {
        let reason =
            number == EPERM
            ? "it is read-only or hidden inside, and its descriptor would open it for more than that (docs/security.md)"
            : "whether it is protected cannot be told: \(SystemError.text(for: number))"
        return CoopError(
            .refused, "cannot pass a file to the sandbox", reason, next: "use a pipe: cat FILE | coop …, or coop … | cat >> FILE")
    }

    /// - Parameter end: nil when the sandbox is gone without an answer.
    static func code(of end: ProcessEnd?, command: [String]) throws(CoopError) -> Int32 {
        guard let end else {
            throw CoopError(.failed, "the sandbox ended without an answer", "its first process is gone", next: "coop doctor")
        }
        guard case .notStarted(let step, let number) = end else { return end.code }
        let name = command.first ?? ""
        switch (step, number) {
        case ("exec", ENOENT):
            throw CoopError(
                .notFound, "cannot run \(name.printable)", "no such program inside the sandbox",
                next: "coop why \(name.shellQuoted)")
        case ("exec", _):
            throw CoopError(
                .refused, "cannot run \(name.printable)", SystemError.text(for: number), next: "coop why \(name.shellQuoted)")
        case (GuardedFiles.step, _): throw guardedFile(number)
        case ("chdir", _):
            throw CoopError(
                .failed, "cannot start in the working directory", "\(SystemError.text(for: number)) (inside the sandbox)",
                next: "coop run --workdir DIRECTORY -- …")
        default:
            throw CoopError(
                .failed, "cannot start \(name.printable)", "\(step.printable): \(SystemError.text(for: number))", next: "coop doctor")
        }
    }
}
