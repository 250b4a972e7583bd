import GatewayEngine
import Glibc

// The confined worker of one sandbox. Descriptor 3 is the only thing it is given: a stream of messages to its supervisor.

let arguments = CommandLine.arguments.dropFirst()
_exit(
    WorkerProcess.run(
        arguments.contains("--probe-confinement") ? .probe : .serve, withoutLandlock: arguments.contains("--degraded=landlock"),
        inspectors: TerminatingInspectors()))
