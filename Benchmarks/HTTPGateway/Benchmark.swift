import Glibc
import LinuxKernel

/// Terminated and injected HTTPS on loopback: requests a second and their latency, and a gigabyte each way, against the same
/// client and server without the proxy.
///
///     http-gateway-benchmark [run]                  everything in this process
///     http-gateway-benchmark upstream               a server; prints its port and writes its root to upstream-root.der
///     http-gateway-benchmark gateway PORT ROOT      the proxy before it; prints its port
///     http-gateway-benchmark load ADDRESS PORT direct|injected CONNECTIONS SECONDS
///     http-gateway-benchmark transfer ADDRESS PORT down|up BYTES
///
/// `load` and `transfer` are the client alone, for any proxy in between; they print JSON. `transfer` says `ready` when it is connected,
/// and begins and ends when it reads a line, so that memory can be looked at before and after.
@main enum Benchmark {
    static let secret = "sk-0123456789abcdefghijklmnopqrstuvwxyz"
    static let connections = 64
    static let seconds: Int64 = 5

    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first ?? "run", arguments.count) {
        case ("run", 0...1): try run()
        case ("upstream", 1):
            let upstream = try BenchmarkUpstream()
            let file = try Descriptor.open("upstream-root.der", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            try file.writeAll(upstream.root)
            print(upstream.port)
            fflush(nil)
            waitForEnd()
        case ("gateway", 3):
            let gateway = try BenchmarkGateway(
                upstream: Int(arguments[1]) ?? 0, root: Descriptor.open(arguments[2], O_RDONLY).readAll())
            print(gateway.port)
            fflush(nil)
            waitForEnd()
        case ("load", 6): try load(arguments)
        case ("transfer", 5): try transfer(arguments)
        default:
            print(
                "usage: http-gateway-benchmark [run | upstream | gateway PORT ROOT | load ADDRESS PORT direct|injected CONNECTIONS SECONDS"
                    + " | transfer ADDRESS PORT down|up BYTES]")
        }
    }

    private static func load(_ arguments: [String]) throws {
        let connections = Int(arguments[4]) ?? connections
        // One descriptor a connection.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        // The first second warms up.
        let result = try LoadClient.run(
            address: arguments[1], port: Int(arguments[2]) ?? 0, connections: connections, warmUp: 1,
            seconds: Int64(arguments[5]) ?? seconds,
            authorises: arguments[3] == "direct")
        print(
            "{\"requests\": \(result.requests), \"perSecond\": \(Int(result.perSecond)), \"p50\": \(decimal(result.percentile(0.5))), "
                + "\"p99\": \(decimal(result.percentile(0.99))), \"connections\": \(connections), \"failures\": \(result.failures)}")
    }

    private static func transfer(_ arguments: [String]) throws {
        let size = Int(arguments[4]) ?? 0
        let host = "Host: bench.example.com\r\n"
        let (head, body) =
            arguments[3] == "down"
            ? ("GET /bytes/\(size) HTTP/1.1\r\n\(host)\r\n", 0) : ("POST / HTTP/1.1\r\n\(host)Content-Length: \(size)\r\n\r\n", size)
        let seconds = try LoadClient.transfer(
            address: arguments[1], port: Int(arguments[2]) ?? 0, head: head, body: body, answer: size - body
        ) {
            print("ready")
            fflush(nil)
            _ = readLine()
        }
        print("{\"bytes\": \(size), \"seconds\": \(decimal(seconds))}")
        fflush(nil)
        _ = readLine()
    }

    private static func run() throws {
        let upstream = try BenchmarkUpstream()
        let gateway = try BenchmarkGateway(upstream: upstream.port, root: upstream.root)
        try load("direct", port: upstream.port, authorises: true)
        try load("gateway", port: gateway.port, authorises: false)
        let size = 1 << 30
        for (name, port) in [("direct", upstream.port), ("gateway", gateway.port)] {
            let before = peakKilobytes()
            let host = "Host: bench.example.com\r\n"
            let down = try LoadClient.transfer(port: port, head: "GET /bytes/\(size) HTTP/1.1\r\n\(host)\r\n", answer: size)
            let up = try LoadClient.transfer(port: port, head: "POST / HTTP/1.1\r\n\(host)Content-Length: \(size)\r\n\r\n", body: size)
            print(
                "\(name): 1 GiB down \(decimal(1024 / down)) MiB/s, up \(decimal(1024 / up)) MiB/s, memory grew by \(peakKilobytes() - before) KiB"
            )
        }
    }

    private static func load(_ name: String, port: Int, authorises: Bool) throws {
        let cpu = clock()
        let result = try LoadClient.run(port: port, connections: connections, warmUp: 1, seconds: seconds, authorises: authorises)
        let each = Double(clock() - cpu) / Double(CLOCKS_PER_SEC) / Double(max(result.requests, 1)) * 1e6
        print(
            "\(name): \(Int(result.perSecond)) requests/s, p50 \(decimal(result.percentile(0.5))) ms, p99 \(decimal(result.percentile(0.99))) ms, "
                + "\(connections) connections, \(result.failures) failures, \(decimal(each)) us of this process each")
    }

    private static func waitForEnd() {
        var byte: UInt8 = 0
        while read(0, &byte, 1) > 0 {}
    }

    /// The most that this process has had in memory.
    private static func peakKilobytes() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss
    }

    private static func decimal(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10)"
    }
}
