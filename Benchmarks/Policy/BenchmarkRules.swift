import CoopErrors
import Policy

/// The policies that are measured.
enum BenchmarkRules {
    /// A quarter each of exact names, `*.suffix`, names with methods and paths, and denials.
    static func overManyHosts(_ count: Int) throws(CoopError) -> [NetworkRule] {
        var rules: [NetworkRule] = []
        for number in 0..<count / 4 {
            rules.append(try NetworkRule(parsing: "api-\(number).service.example.com", origin: "benchmark"))
            rules.append(try NetworkRule(parsing: "*.cdn\(number).example.net", origin: "benchmark"))
            rules.append(
                try NetworkRule(
                    parsing: "git\(number).example.org", methods: ["GET", "HEAD"], paths: ["/user", "/repos/me/*"], origin: "benchmark"))
            rules.append(
                try NetworkRule(
                    parsing: "telemetry\(number).example.io", methods: ["POST"], paths: ["/v1/*"], action: .deny, origin: "benchmark"))
        }
        return rules
    }

    /// Rules by method and path, all of the same host.
    static func ofOneHost(_ count: Int) throws(CoopError) -> [NetworkRule] {
        var rules: [NetworkRule] = []
        for number in 0..<count {
            rules.append(
                try NetworkRule(
                    parsing: "api.example.com", methods: ["GET"], paths: ["/orgs/team/repos/project-\(number)/*"], origin: "benchmark"))
        }
        return rules
    }
}
