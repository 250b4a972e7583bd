import CoopErrors
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import EventLog

/// Killed at any point, and with a full disk, a log opens, has no gap, and holds everything that was said to be on the disk.
@Suite(.serialized) struct CrashTests {
    /// How many times writer and reader are killed; `COOP_FUZZ_ITERATIONS` for a long run.
    static var rounds: Int { getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? 25 }

    private static func numbers(_ outcome: ChildProcess.Outcome) -> [UInt64] {
        // The last line may be cut off by the kill.
        outcome.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().compactMap { UInt64($0) }
    }

    @Test("writers and readers killed at random: nothing acknowledged is lost, no number is missing or given twice")
    func killed() throws {
        let scratch = try Scratch()
        let program = try Scratch.program()
        var acknowledged: UInt64 = 0
        for round in 0..<CrashTests.rounds {
            let writer = try ChildProcess([program, "write", scratch.path])
            let reader = try ChildProcess([program, "follow", scratch.path])
            let limit = Int.random(in: 0...12)
            try writer.waitUntil { $0.outputText.split(separator: "\n").count >= limit }
            if Bool.random() {
                reader.signal(SIGKILL)
                writer.signal(SIGKILL)
            } else {
                writer.signal(SIGKILL)
                reader.signal(SIGKILL)
            }
            acknowledged = max(acknowledged, CrashTests.numbers(try writer.wait()).last ?? acknowledged)
            let seen = CrashTests.numbers(try reader.wait())
            #expect(seen == Array(1...max(1, UInt64(seen.count))).prefix(seen.count).map { $0 }, "what a reader sees has no gap")
            // Sometimes a reader is the first to meet the remains, sometimes the next writer.
            if round % 3 == 0, FileSystem.kind(scratch.path + "/tip") == .file {
                let open = try EventReader(directory: scratch.path)
                try open.verify()
                #expect(try open.last() >= acknowledged)
                // A reader never sees what is then lost.
                #expect(try open.last() >= UInt64(seen.count))
            }
        }
        let last = try EventWriter.open(directory: scratch.path)
        try last.close()
        let reader = try EventReader(directory: scratch.path)
        try reader.verify()
        #expect(try reader.last() >= acknowledged)
        // Every part of the terminal belongs to one event, and the parts join.
        var end: Int64 = 0
        for event in try scratch.all() where event.type == .terminal {
            let numbers = String(decoding: event.fields, as: UTF8.self).split { !$0.isNumber }.compactMap { Int64($0) }
            #expect(numbers.count == 2 && numbers[0] == end)
            end += numbers.last ?? 0
        }
        #expect(try FileSystem.status(scratch.path + "/terminal")?.st_size == Int(end))
    }

    @Test("a full disk stops the log with the reason, and what was written is intact")
    func fullDisk() throws {
        let scratch = try Scratch()
        let program = try Scratch.program()
        // The file system belongs to the child's own mount namespace; what it held is copied out before it goes.
        let script = """
            mount -t tmpfs -o size=3m none "$1" && mkdir "$1/log" && { "$0" write "$1/log"; echo "code $?" >&2; } && \
            tar -C "$1/log" -cf - events.db events.db-wal terminal tip > "$2" 2>/dev/null; true
            """
        let copy = scratch.path + "/copy.tar"
        try FileSystem.makeDirectories(scratch.path + "/full")
        let outcome = try ChildProcess.run(
            ["/usr/bin/unshare", "-Urm", "/bin/sh", "-c", script, program, scratch.path + "/full", copy], timeout: 120)
        #expect(outcome.error.contains("no space is left on its device") && outcome.error.contains("code 1"), "\(outcome)")
        try FileSystem.makeDirectories(scratch.path + "/log")
        let unpacked = try ChildProcess.run(["/bin/tar", "-C", scratch.path + "/log", "-xf", copy])
        #expect(unpacked.exitCode == 0, "\(unpacked)")
        let reader = try EventReader(directory: scratch.path + "/log")
        try reader.verify()
        let last = try reader.last()
        let acknowledged = outcome.output.split(separator: "\n").compactMap { UInt64($0) }.last ?? 0
        #expect(last >= acknowledged && acknowledged > 0)
        let event = try #require(try reader.events(after: last - 1).first)
        #expect(event.type == .failed && String(decoding: event.fields, as: UTF8.self).contains("no space is left"), "\(event)")
    }
}
