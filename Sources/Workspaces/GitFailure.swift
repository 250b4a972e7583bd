import CoopErrors
import LinuxKernel

/// Turns a system call's failure into an error that says what coop was doing.
package func describing<Value>(_ what: @autoclosure () -> String, next: String? = nil, _ body: () throws -> Value) throws -> Value {
    do {
        return try body()
    } catch let error as SystemError {
        throw CoopError(.failed, what(), error.description, next: error.isFull ? "df -h; df -i" : next)
    }
}

/// The last line of what a program complained about, short enough for one line of an error.
package func complaint(_ outcome: HostProcess.Outcome) -> String {
    let lines = outcome.errors.split(separator: UInt8(ascii: "\n")).map { String(osBytes: $0) }
    let chosen = lines.first { $0.hasPrefix("fatal:") || $0.hasPrefix("error:") } ?? lines.last
    guard let chosen else { return "\(outcome.status)" }
    return String(chosen.prefix(300)).printable
}
