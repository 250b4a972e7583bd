import CoopErrors
import Glibc

do {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard arguments.count >= 2 else { throw CoopError(.usage, "usage", "event-log-benchmark MODE DIRECTORY [COUNT]") }
    let count = arguments.count > 2 ? Int(arguments[2]) ?? 0 : 0
    switch arguments[0] {
    case "measure": try EventLogBenchmark(directory: arguments[1], count: count > 0 ? count : 500_000).run()
    case "write": try EventLogProcess(directory: arguments[1]).write(limit: count)
    case "follow": try EventLogProcess(directory: arguments[1]).follow(until: UInt64(max(0, count)))
    case "burst": try EventLogProcess(directory: arguments[1]).burst()
    case "serve": try EventLogServer(directory: arguments[1]).run()
    default: throw CoopError(.usage, "usage", "MODE is measure, write, burst, follow or serve")
    }
} catch {
    let text = Array("event-log-benchmark: \(error)\n".utf8)
    _ = write(2, text, text.count)
    exit(1)
}
