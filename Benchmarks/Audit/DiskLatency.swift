import Glibc
import LinuxKernel

/// How long the disk itself takes to make a few hundred appended bytes durable.
struct DiskLatency {
    /// Milliseconds.
    var median: Double
    var p99: Double

    /// - Parameter directory: on the file system in question.
    static func measure(in directory: String, rounds: Int = 300) throws -> DiskLatency {
        let path = FileSystem.join(directory, "latency")
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, mode: 0o600)
        defer { try? FileSystem.removeFile(path) }
        let line = [UInt8](repeating: 0x61, count: 400)
        var times: [Double] = []
        for _ in 0..<rounds {
            try file.writeAll(line)
            let start = ContinuousClock.now
            try check("fdatasync", path) { fdatasync(file.number) }
            times.append(Double((ContinuousClock.now - start).components.attoseconds) / 1e15)
        }
        times.sort()
        return DiskLatency(median: times[times.count / 2], p99: times[times.count * 99 / 100])
    }
}
