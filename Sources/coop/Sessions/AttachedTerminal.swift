import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import Sessions
import TerminalModel

/// This process's terminal at a session.
struct AttachedTerminal {
    let context: Context
    let id: String
    let isReadOnly: Bool
    /// Whether a person may be asked here.
    let attends: Bool
    var allowance: TerminalFilter.Allowance = []

    /// As the terminal at which the session was started: ends with the command's code when it ends.
    func run(owned command: [String]) throws {
        let outcome = try show(ownsCommand: true)
        // Where its supervisor was killed, or could not clear everything away, this process does, and says so: nothing is to be left to a
        // next command that may never come.
        if outcome != .detached { try Sweep(context: context).run() }
        switch outcome {
        case .detached: FileHandleOutput.standardError("[detached; coop attach \(id)]\n")
        case .ended(let end): throw ProcessResult(code: try timedOut ?? CommandOutcome.code(of: end, command: command))
        case .lost: throw ProcessResult(code: try timedOut ?? CommandOutcome.code(of: nil, command: command))
        }
    }

    /// The code of a session that has ended for another reason than its command.
    private var timedOut: Int32? {
        guard let session = try? SessionStore(context: context).find(id), session.summary.state == .exited else { return nil }
        return session.summary.code
    }

    /// As a further one.
    func run() throws {
        switch try show(ownsCommand: false) {
        case .detached: FileHandleOutput.standardError("[detached; coop attach \(id)]\n")
        case .ended, .lost:
            let summary = try SessionStore(context: context).find(id).summary
            FileHandleOutput.standardError("[\(summary.state.rawValue)\(summary.code.map { " with code \($0)" } ?? "")]\n")
        }
    }

    private func show(ownsCommand: Bool) throws -> AttachClient.Outcome {
        let socket = try SessionDirectory.connect(run: context.run, id: id)
        let directory = try SessionStore(context: context).find(id).directory
        let client = AttachClient(
            socket: socket, loop: EventLoop(), directory: directory, allowance: allowance, isReadOnly: isReadOnly, attends: attends,
            ownsCommand: ownsCommand)
        let outcome = try client.run()
        for notice in client.notices { FileHandleOutput.standardError(notice.printableLines) }
        return outcome
    }
}
