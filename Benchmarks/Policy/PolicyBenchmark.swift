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

    /// A request on a connection that is there already, so that the name's reference count is not part of what is measured.
    final class Lookup: Sendable {
        let host: HostName
        let method: Text
        let target: Text

        init(host: HostName, method: Text, target: Text) { (self.host, self.method, self.target) = (host, method, target) }

        func isAllowed(by policy: CompiledNetworkPolicy) -> Bool {
            policy.decide(host, port: 443, method: method.bytes, target: target.bytes).action == .allow
        }
    }

    /// Bytes that live as long as the process, as a request's do while it is judged.
    struct Text: @unchecked Sendable {
        // Sendable because nothing writes to them.
        let bytes: UnsafeRawBufferPointer

        init(_ text: String) {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
            buffer.copyBytes(from: text.utf8)
            bytes = UnsafeRawBufferPointer(buffer)
        }
    }

    static let ruleCount = 1000
    static let batchCount = 2000
    /// Decisions in a batch: enough to make reading the clock not matter.
    static let batchSize = 256

    static func main() throws {
        // A count that cannot count would report none.
        let before = HeapCount.taken
        _ = Text("one block")
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
        Lookup(host: try HostName(configured: host), method: Text(method), target: Text(target))
    }

    static func measure(_ name: String, _ policy: CompiledNetworkPolicy, _ make: () throws -> Lookup) throws -> Measurement {
        var lookups: [Lookup] = []
        for _ in 0..<batchSize { lookups.append(try make()) }
        defer { withExtendedLifetime(lookups) {} }
        let unmanaged = lookups.map { Unmanaged.passUnretained($0) }
        return time(name) {
            var allowed = 0
            for lookup in unmanaged where lookup._withUnsafeGuaranteedRef({ $0.isAllowed(by: policy) }) { allowed += 1 }
            return allowed
        }
    }

    static func measureUntrusted(_ name: String, _ policy: CompiledNetworkPolicy, _ make: () -> String) throws -> Measurement {
        let names = (0..<batchSize).map { _ in Text(make()).bytes }
        let method = Text("GET").bytes
        let target = Text("/v1/messages").bytes
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
