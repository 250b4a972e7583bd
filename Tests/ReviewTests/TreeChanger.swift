import LinuxKernel
import TestSupport

/// Runs the program that changes trees as a landing does.
enum TreeChanger {
    static func run(
        _ words: [String], as identity: TestIdentity = .root, killedAt step: Int? = nil, timeout: Double = 120
    ) throws -> ChildProcess.Outcome {
        var environment = ["PATH": Sandboxed.path]
        if let step { environment["COOP_TEST_KILL_AT"] = String(step) }
        return try ChildProcess.run(
            identity.arguments([try BuiltPrograms.treeChanger()] + words), environment: environment, timeout: timeout)
    }
}
