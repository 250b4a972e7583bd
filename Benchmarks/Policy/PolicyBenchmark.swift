import CoopErrors
import Glibc
import Policy

/// Measures one decision of the network policy with a thousand rules loaded: nanoseconds and allocations.
///
/// `policy-benchmark [--json] [CASE…]`
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
        var method: UnsafeRawBufferPointer
        var target: UnsafeRawBufferPointer
    }

    static let ruleCount = 1000
    static let batchCount = 2000
    /// Decisions in a batch: enough to make reading the clock not matter.
    static let batchSize = 256

    static func main() throws {
        // A count that cannot count would report none.
        let before = HeapCount.taken
        _ = bytes("one block")
        precondition(HeapCount.taken > before, "the linker does not lead malloc here")
        let spread = try CompiledNetworkPolicy(NetworkPolicy(rules: BenchmarkRules.overManyHosts(ruleCount)))
        let single = try CompiledNetworkPolicy(NetworkPolicy(rules: BenchmarkRules.ofOneHost(ruleCount)))
        let pick = { Int.random(in: 0..<(ruleCount / 4)) }
        let cases: [(name: String, measure: (String) throws -> Measurement)] = [
            ("hit, exact name", { try measure($0, spread) { try lookup("api-\(pick()).service.example.com") } }),
            ("hit, *.suffix", { try measure($0, spread) { try lookup("eu-west-\(pick()).cdn\(pick()).example.net") } }),
            (
                "hit, method and path",
                { try measure($0, spread) { try lookup("git\(pick()).example.org", target: "/repos/me/project/issues?page=2") } }
            ),
            (
                "denied by a rule",
                { try measure($0, spread) { try lookup("telemetry\(pick()).example.io", method: "POST", target: "/v1/traces") } }
            ),
            ("miss", { try measure($0, spread) { try lookup("www-\(pick()).unknown-\(pick()).example.com") } }),
            (
                "1000 path rules of one host",
                { try measure($0, single) { try lookup("api.example.com", target: "/orgs/team/repos/project-\(pick())/issues") } }
            ),
            ("hit, from bytes on the wire", { try measureUntrusted($0, spread) { "API-\(pick()).Service.Example.COM." } }),
        ]
        let wanted = CommandLine.arguments.dropFirst().filter { !$0.hasPrefix("--") }
        var results: [Measurement] = []
        for one in cases where wanted.isEmpty || wanted.contains(one.name) { results.append(try one.measure(one.name)) }
        if CommandLine.arguments.contains("--json") { printJSON(results) } else { printTable(results) }
    }

    static func lookup(_ host: String, method: String = "GET", target: String = "/v1/messages") throws -> Lookup {
        Lookup(host: try HostName(configured: host), method: bytes(method), target: bytes(target))
    }

    /// Bytes that live as long as the process, as a request's do while it is judged.
    static func bytes(_ text: String) -> UnsafeRawBufferPointer {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
        buffer.copyBytes(from: text.utf8)
        return UnsafeRawBufferPointer(buffer)
    }

    static func measure(_ name: String, _ policy: CompiledNetworkPolicy, _ make: () throws -> Lookup) throws -> Measurement {
        var lookups: [Lookup] = []
        for _ in 0..<batchSize { lookups.append(try make()) }
        return time(name) {
            var allowed = 0
            lookups.withUnsafeBufferPointer { lookups in
                for index in lookups.indices {
                    let decision = policy.decide(
                        lookups[index].host, port: 443, method: lookups[index].method, target: lookups[index].target)
                    if decision.action == .allow { allowed += 1 }
                }
            }
            return allowed
        }
    }

    static func measureUntrusted(_ name: String, _ policy: CompiledNetworkPolicy, _ make: () -> String) throws -> Measurement {
        let names = (0..<batchSize).map { _ in bytes(make()) }
        let method = bytes("GET")
        let target = bytes("/v1/messages")
        return time(name) {
            var allowed = 0
            for name in names where policy.decide(untrustedName: name, port: 443, method: method, target: target).action == .allow {
                allowed += 1
            }
            return allowed
        }
    }

    /// - Parameter batch: makes `batchSize` decisions and returns something of them, so that none is optimised away.
    static func time(_ name: String, _ batch: () -> Int) -> Measurement {
        var durations = [UInt64](repeating: 0, count: batchCount)
        var sum = 0
        for _ in 0..<100 { sum &+= batch() }
        let before = HeapCount.taken
        for index in 0..<batchCount {
            let start = clock()
            sum &+= batch()
            durations[index] = clock() - start
        }
        let allocations = HeapCount.taken - before
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
