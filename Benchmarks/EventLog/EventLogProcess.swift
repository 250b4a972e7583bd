import CoopErrors
import EventLog
import Glibc

/// A writer or reader of its own process, for tests that kill it.
struct EventLogProcess {
    let directory: String

    /// Appends events and terminal bytes of random kinds, and prints the number of the last one that is on the disk after each
    /// small group. Goes on with the log that is there.
    func write(limit: Int) throws {
        let writer = try EventWriter.open(directory: directory)
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 20_000)
        var done = 0
        while limit == 0 || done < limit {
            for _ in 0..<Int.random(in: 1...20) {
                done += 1
                var fields = EventFields()
                fields.put("number", Int64(done))
                switch Int.random(in: 0..<10) {
                case 0: fields.put("text", content: long + Array(String(Int.random(in: 0..<5)).utf8))
                case 1...4: try writer.append(terminal: Array("line \(done)\r\n".utf8))
                default: fields.put("text", "event \(done)")
                }
                try writer.append(.message, fields)
            }
            try writer.flush()
            print("\(writer.committed)\n")
        }
        try writer.close()
    }

    /// Appends an event for each empty line of standard input, and so many for a line with a number; prints after each how many seconds it took
    /// until they were on the disk. The log is over when the input is.
    func burst() throws {
        let writer = try EventWriter.create(directory: directory)
        try writer.append(.started)
        try writer.flush()
        print("ready\n")
        while let line = readLine() {
            let begin = EventTime.now()
            for number in 1...max(1, Int(line) ?? 1) { try writer.append(.delta, EventLogBenchmark.fields(number)) }
            try writer.flush()
            print("\(Double(EventTime.now().microseconds - begin.microseconds) / 1e6)\n")
        }
        try writer.append(.exited)
        try writer.close()
    }

    /// Prints the number of every event, from the first on, until one of them is reached.
    func follow(until last: UInt64) throws {
        let follower = try EventFollower(directory: directory)
        while last == 0 || follower.cursor < last {
            let events = try follower.next()
            if events.isEmpty { _ = try follower.wait() }
            var text = ""
            for event in events { text += "\(event.sequence)\n" }
            if !text.isEmpty { print(text) }
        }
    }

    private func print(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if count <= 0 { exit(1) }
            bytes = bytes.dropFirst(count)
        }
    }
}
