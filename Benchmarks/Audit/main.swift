import CoopErrors
import Glibc

do {
    try AuditBenchmark(arguments: Array(CommandLine.arguments.dropFirst())).run()
} catch {
    let text = Array("audit-benchmark: \(error)\nNext: audit-benchmark --help\n".utf8)
    _ = write(2, text, text.count)
    exit(1)
}
