import ArgumentParser
import ConfinedTerminal
import CoopErrors
import Glibc

/// The process that reads what programs inside write to their terminal; started by coop, not by people.
struct TerminalWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "terminal-worker", abstract: "Read a terminal's output, confined.", shouldDisplay: false)

    @Flag(help: "Go on where the kernel has no Landlock.") var withoutLandlock = false

    #if COOP_TEST_HOOKS
        @Flag(help: "Confine it, try to break out, and print what happened.") var probe = false
    #endif

    func run() throws {
        #if COOP_TEST_HOOKS
            if probe { _exit(TerminalWorkerProcess.probe()) }
        #endif
        if isatty(0) == 1 {
            throw CoopError(.usage, "cannot read a terminal's output", "this command is started by coop itself", next: "coop --help")
        }
        _exit(TerminalWorkerProcess.run(withoutLandlock: withoutLandlock))
    }
}
