import CoopErrors
import Glibc
import Policy

/// Measures one decision of the network policy with a thousand rules loaded: nanoseconds and allocations.
///
/// `policy-benchmark [--json]`
@main
struct PolicyBenchmark {
    /// One kind of decision.
    struct Measurement {
        var name: String
        /// Nanoseconds for one decision: the median and the 99th percentile over batches of different lookups.
        var median: Double
        var p99: Double
        /// Blocks taken from the heap in all measured decisions together.
        var allocations: Int
    }

    struct Lookup {
        var host: HostName
        var port: UInt16
        var method: String
        var target: String
    }

    static let ruleCount = 1000
    static let batchCount = 2000
    /// Decisions in a batch: enough to make reading the clock not matter.
    static let batchSize = 256

    static func main() throws {
        let spread = try CompiledNetworkPolicy(NetworkPolicy(rules: BenchmarkRules.overManyHosts(ruleCount)))
        let single = try CompiledNetworkPolicy(NetworkPolicy(rules: BenchmarkRules.ofOneHost(ruleCount)))
        var random = SystemRandomNumberGenerator()
        let pick = { Int.random(in: 0..<(ruleCount / 4), using: &random) }
        var results: [Measurement] = []
        results.append(try measure("hit, exact name", spread) { try lookup("api-\(pick()).service.example.com") })
        results.append(try measure("hit, *.suffix", spread) { try lookup("eu-west-\(pick()).cdn\(pick()).example.net") })
        results.append(try measure("hit, method and path", spread) { try lookup("git\(pick()).example.org", target: "/repos/me/project/issues?page=2") })
        results.append(try measure("denied by a rule", spread) { try lookup("telemetry\(pick()).example.io", method: "POST", target: "/v1/traces") })
        results.append(try measure("miss", spread) { try lookup("www-\(pick()).unknown-\(pick()).example.com") })
        results.append(
            try measure("1000 path rules of one host", single) { try lookup("api.example.com", target: "/orgs/team/repos/project-\(pick())/issues") })
        results.append(try measureUntrusted("hit, from bytes on the wire", spread) { "API-\(pick()).Service.Example.COM." })
        if CommandLine.arguments.contains("--json") { printJSON(results) } else { printTable(results) }
    }

    static func lookup(_ host: String, port: UInt16 = 443, method: String = "GET", target: String = "/v1/messages") throws -> Lookup {
        Lookup(host: try HostName(configured: host), port: port, method: method, target: target)
    }

    static func measure(_ name: String, _ policy: CompiledNetworkPolicy, _ make: () throws -> Lookup) throws -> Measurement {
        var lookups: [Lookup] = []
        for _ in 0..<batchSize { lookups.append(try make()) }
        return time(name) {
            var allowed = 0
            for lookup in lookups {
                let decision = policy.decide(lookup.host, port: lookup.port, method: lookup.method, target: lookup.target)
                if decision.action == .allow { allowed += 1 }
            }
            return allowed
        }
    }

    static func measureUntrusted(_ name: String, _ policy: CompiledNetworkPolicy, _ make: () -> String) throws -> Measurement {
        let names = (0..<batchSize).map { _ in Array(make().utf8) }
        let method = Array("GET".utf8)
        let target = Array("/v1/messages".utf8)
        return time(name) {
            var allowed = 0
            method.withUnsafeBytes { method in
                target.withUnsafeBytes { target in
                    for name in names {
                        let decision = name.withUnsafeBytes { policy.decide(untrustedName: $0, port: 443, method: method, target: target) }
                        if decision.action == .allow { allowed += 1 }
                    }
                }
            }
            return allowed
        }
    }

    /// - Parameter batch: makes `batchSize` decisions and returns something of them, so that none is optimised away.
    static func time(_ name: String, _ batch: () -> Int) -> Measurement {
        var durations = [UInt64](repeating: 0, count: batchCount)
        var sum = 0
        for _ in 0..<100 { sum &+= batch() }
        let before = HeapCount.now()
        for index in 0..<batchCount {
            let start = clock()
            sum &+= batch()
            durations[index] = clock() - start
        }
        let allocations = HeapCount.now() - before
        withExtendedLifetime(sum) {}
        durations.sort()
        let perDecision = { (position: Int) in Double(durations[position]) / Double(batchSize) }
        return Measurement(
            name: name, median: perDecision(batchCount / 2), p99: perDecision(batchCount * 99 / 100), allocations: allocations)
    }

    /// Nanoseconds of the monotonic clock.
    static func clock() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func printTable(_ results: [Measurement]) {
        print("one decision with \(ruleCount) rules, over \(batchCount * batchSize) lookups of each kind")
        for result in results {
            let name = result.name + String(repeating: " ", count: max(0, 30 - result.name.count))
            print("\(name) p50 \(rounded(result.median)) ns   p99 \(rounded(result.p99)) ns   \(result.allocations) allocations")
        }
    }

    static func printJSON(_ results: [Measurement]) {
        let items = results.map {
            "{\"name\":\"\($0.name)\",\"p50_ns\":\(rounded($0.median)),\"p99_ns\":\(rounded($0.p99)),\"allocations\":\($0.allocations)}"
        }
        print("{\"version\":1,\"rules\":\(ruleCount),\"lookups\":\(batchCount * batchSize),\"results\":[\(items.joined(separator: ","))]}")
    }

    static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
