import Glibc
import LinuxKernel
import TestSupport

@testable import EventLog

/// A directory of one test, which goes when the test ends.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/coop-events-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        path = String(osBytes: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)))
    }

    deinit { try? FileSystem.removeTree(path) }

    func all(after cursor: UInt64 = 0) throws -> [Event] {
        let reader = try EventReader(directory: path)
        var result: [Event] = []
        while true {
            let events = try reader.events(after: result.last?.sequence ?? cursor, limit: 1000)
            if events.isEmpty { return result }
            result += events
        }
    }

    /// The program of the benchmark, which is a writer and a reader as well.
    static func program() throws -> String {
        var directory = FileSystem.readLink("/proc/self/exe").map { FileSystem.parent(of: $0) } ?? "/"
        if let bundle = CommandLine.arguments.first(where: { $0.hasSuffix(".xctest") }) { directory = FileSystem.parent(of: bundle) }
        for place in [directory, FileSystem.normalize(#filePath + "/../../..") + "/.build/debug"] {
            let path = place + "/event-log-benchmark"
            if FileSystem.isExecutable(path) { return path }
        }
        throw TestSupportError("event-log-benchmark is not in \(directory): swift build")
    }
}
