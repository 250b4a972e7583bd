import Audit
import CoopErrors
import Glibc
import LinuxKernel

/// Measures the audit log: entries a second from concurrent writers, each acknowledged after fdatasync(2), with the disk's own
/// fdatasync beside it, and the speed of the verifier. Prints JSON.
struct AuditBenchmark {
    private var options: [String: String] = [:]
    private var role: String?
    private var wantsHelp = false

    init(arguments: [String]) throws(CoopError) {
        var rest = arguments[...]
        if let first = rest.first, ["writer", "verify"].contains(first) { role = rest.popFirst() }
        while let name = rest.popFirst() {
            if name == "--help" {
                wantsHelp = true
                continue
            }
            guard AuditBenchmark.names.contains(name), let value = rest.popFirst() else {
                throw CoopError(.usage, "cannot understand the command line", name)
            }
            options[name] = value
        }
    }

    private static let names = [
        "--directory", "--writers", "--outstanding", "--entries", "--log-entries", "--session", "--file-size", "--talkative",
    ]

    private static let help = """
        audit-benchmark [--directory DIR] [--writers 8] [--outstanding 64] [--entries 100000] [--log-entries 2000000]
        audit-benchmark verify --directory DIR
        audit-benchmark writer --directory DIR [--session ID] [--outstanding 64] [--entries N] [--file-size BYTES] [--talkative 1]

        --entries is how many each writer appends; --log-entries how long the log is that is verified.
        """

    private func number(_ name: String, _ standard: UInt64) throws(CoopError) -> UInt64 {
        guard let text = options[name] else { return standard }
        guard let number = UInt64(text), number > 0, number < 1 << 40 else {
            throw CoopError(.usage, "cannot understand the command line", "\(name) \(text)")
        }
        return number
    }

    func run() throws {
        if wantsHelp { return print(AuditBenchmark.help) }
        let limits = AuditLimits(fileSize: Int(try number("--file-size", UInt64(AuditLimits().fileSize))))
        if let role {
            guard let directory = options["--directory"] else {
                throw CoopError(.usage, "cannot understand the command line", "--directory is missing")
            }
            if role == "verify" {
                let (seconds, found) = try timed { try AuditVerifier(directory: directory).verify() }
                return print(
                    "\(found.damage.map { "\($0.place): \($0.kind): \($0.detail)" } ?? "intact") \(found.entries) \(text(seconds)) s")
            }
            return try WriterProcess(
                directory: directory, outstanding: try number("--outstanding", 64), entries: try number("--entries", 100_000),
                session: options["--session"] ?? "benchmark", limits: limits, isTalkative: options["--talkative"] != nil
            ).run()
        }
        let directory = FileSystem.join(options["--directory"] ?? "/var/tmp", "audit-benchmark.\(getpid())")
        try FileSystem.makeDirectories(directory)
        defer { try? FileSystem.removeTree(directory) }
        print(try measure(directory))
    }

    private func measure(_ directory: String) throws -> String {
        let latency = try DiskLatency.measure(in: directory)
        let writers = try number("--writers", 8)
        let outstanding = try number("--outstanding", 64)
        let entries = try number("--entries", 100_000)
        let shared = FileSystem.join(directory, "shared")
        let (writing, _) = try timed {
            try WriterGroup.run(
                (1...writers).map { index in
                    [
                        "writer", "--directory", shared, "--session", "writer-\(index)", "--outstanding", "\(outstanding)", "--entries",
                        "\(entries)",
                    ]
                })
        }
        let check = try AuditVerifier(directory: shared).verify()
        guard check.isIntact, check.entries >= writers * entries else {
            throw CoopError(.failed, "the log is not intact after writing", "\(check)")
        }
        let long = FileSystem.join(directory, "long")
        let wanted = try number("--log-entries", 2_000_000)
        try fill(long, wanted)
        let (verifying, found) = try timed { try AuditVerifier(directory: long).verify() }
        guard found.isIntact, found.entries >= wanted else { throw CoopError(.failed, "the long log is not intact", "\(found)") }
        let (verifyingAlone, _) = try timed { try AuditVerifier(directory: long, threads: 1).verify() }
        return """
            {
              "version": 1,
              "write": {
                "writers": \(writers), "outstanding": \(outstanding), "entries": \(writers * entries), "seconds": \(text(writing)),
                "entriesPerSecond": \(Int(Double(writers * entries) / writing)), "acknowledged": "after fdatasync"
              },
              "disk": {"fdatasyncMedianMilliseconds": \(text(latency.median)), "fdatasyncP99Milliseconds": \(text(latency.p99))},
              "verify": {
                "entries": \(found.entries), "bytes": \(found.bytes), "files": \(found.files), "seconds": \(text(verifying)),
                "entriesPerSecond": \(Int(Double(found.entries) / verifying)),
                "entriesPerSecondOneThread": \(Int(Double(found.entries) / verifyingAlone))
              }
            }
            """
    }

    private func fill(_ directory: String, _ count: UInt64) throws {
        let writer = try AuditWriter(log: AuditLog(directory: directory), acknowledge: .written)
        var acknowledged: UInt64 = 0
        for number in 1...count {
            _ = try writer.submit(WriterProcess.entry(number, session: "k3v9q2m7x1ab"))
            while number - acknowledged > 32_768 {
                var watched = pollfd(fd: writer.descriptor, events: Int16(POLLIN), revents: 0)
                try LinuxKernel.check("poll") { poll(&watched, 1, -1) }
                acknowledged = try writer.acknowledged()
            }
        }
        try writer.close()
    }

    /// The result and the seconds that it took.
    private func timed<Result>(_ body: () throws -> Result) throws -> (Double, Result) {
        let start = ContinuousClock.now
        let result = try body()
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return (Double(seconds) + Double(attoseconds) / 1e18, result)
    }

    private func text(_ value: Double) -> String { String(Double(Int(value * 1000)) / 1000) }
}
