import CoopErrors
import EventLog
import Glibc
import LinuxKernel

/// How fast a log is written, so that everything is on the disk, and read. Prints one JSON object.
struct EventLogBenchmark {
    let directory: String
    let count: Int

    func run() throws {
        let opened = seconds()
        let writer = try EventWriter.create(directory: directory)
        try writer.append(.started)
        let start = seconds() - opened
        try writer.flush()
        let ingest = try ingest(writer)
        let terminal = try terminal(writer)
        let latencies = try latencies(writer)
        // The second time the file system has it in memory, as it has a live session's.
        _ = try replay()
        let replay = try replay()
        try writer.close()
        print(
            """
            {"events": \(count), "startMicroseconds": \(Int(start * 1e6)), "ingestedPerSecond": \(Int(ingest)), \
            "terminalMegabytesPerSecond": \(Int(terminal)), "eventMedianMicroseconds": \(Int(latencies[100] * 1e6)), \
            "eventP99Microseconds": \(Int(latencies[197] * 1e6)), "replayedPerSecond": \(Int(replay))}
            """)
    }

    /// Events a second, each on the disk at the end.
    private func ingest(_ writer: EventWriter) throws -> Double {
        let begin = seconds()
        for number in 1...count { try writer.append(.delta, EventLogBenchmark.fields(number)) }
        try writer.flush()
        return Double(count) / (seconds() - begin)
    }

    static func fields(_ number: Int) -> EventFields {
        var fields = EventFields()
        fields.put("id", "toolu_01A09q90qw90lq917835lq9")
        fields.put("text", "The quick brown fox jumps over the lazy dog, number ")
        fields.put("index", Int64(number))
        return fields
    }

    /// Megabytes a second.
    private func terminal(_ writer: EventWriter) throws -> Double {
        let piece = [UInt8](repeating: UInt8(ascii: "t"), count: 4096)
        let pieces = 16_384
        let begin = seconds()
        for _ in 0..<pieces { try writer.append(terminal: piece) }
        try writer.flush()
        return Double(pieces) * 4096 / 1e6 / (seconds() - begin)
    }

    /// Of one event to the disk, in seconds, the least first.
    private func latencies(_ writer: EventWriter) throws -> [Double] {
        try (0..<200).map { _ in
            let begin = seconds()
            try writer.append(.state)
            try writer.flush()
            return seconds() - begin
        }.sorted()
    }

    /// Events a second, as JSON lines.
    private func replay() throws -> Double {
        let reader = try EventReader(directory: directory)
        var cursor: UInt64 = 0
        var line: [UInt8] = []
        let begin = seconds()
        while true {
            let events = try reader.events(after: cursor)
            guard let last = events.last else { break }
            for event in events {
                line.removeAll(keepingCapacity: true)
                event.append(to: &line)
            }
            cursor = last.sequence
        }
        return Double(cursor) / (seconds() - begin)
    }

    private func seconds() -> Double {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return Double(value.tv_sec) + Double(value.tv_nsec) / 1e9
    }
}
