import CoopErrors
import EventLog
import Glibc
import LinuxKernel

/// How fast a log is written, so that everything is on the disk, and read: one number a line.
struct EventLogBenchmark {
    let directory: String
    let count: Int

    func run() throws {
        let opened = seconds()
        let writer = try EventWriter.create(directory: directory)
        try writer.append(.started)
        print("start of a log, for whoever starts it: \(Int((seconds() - opened) * 1e6)) µs")
        try writer.flush()

        let begin = seconds()
        for number in 1...count {
            var fields = EventFields()
            fields.put("id", "toolu_01A09q90qw90lq917835lq9")
            fields.put("text", "The quick brown fox jumps over the lazy dog, number ")
            fields.put("index", Int64(number))
            try writer.append(.delta, fields)
        }
        try writer.flush()
        print("ingested durably: \(Int(Double(count) / (seconds() - begin))) events/s")

        let terminal = [UInt8](repeating: UInt8(ascii: "t"), count: 4096)
        let pieces = 16_384
        let before = seconds()
        for _ in 0..<pieces { try writer.append(terminal: terminal) }
        try writer.flush()
        print("terminal: \(Int(Double(pieces) * 4096 / 1e6 / (seconds() - before))) MB/s")

        var latencies: [Double] = []
        for _ in 0..<200 {
            let start = seconds()
            try writer.append(.state)
            try writer.flush()
            latencies.append(seconds() - start)
        }
        latencies.sort()
        print("one event to the disk: p50 \(Int(latencies[100] * 1e6)) µs, p99 \(Int(latencies[197] * 1e6)) µs")

        for _ in 0..<2 {
            let reader = try EventReader(directory: directory)
            var cursor: UInt64 = 0
            var bytes = 0
            let start = seconds()
            var line: [UInt8] = []
            while true {
                let events = try reader.events(after: cursor)
                guard let last = events.last else { break }
                for event in events {
                    line.removeAll(keepingCapacity: true)
                    event.append(to: &line)
                    bytes += line.count
                }
                cursor = last.sequence
            }
            print("replayed as JSON lines: \(Int(Double(cursor) / (seconds() - start))) events/s, \(bytes / 1_000_000) MB")
        }
        try writer.close()
    }

    private func seconds() -> Double {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return Double(value.tv_sec) + Double(value.tv_nsec) / 1e9
    }
}
