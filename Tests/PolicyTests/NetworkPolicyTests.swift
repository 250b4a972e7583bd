import CoopErrors
import Testing

@testable import Policy

@Suite("A network policy")
struct NetworkPolicyTests {
    @Test("refuses rules that would have no effect or another one, and says where they are")
    func rules() {
        let cases: [(host: String, methods: [String], paths: [String], why: String)] = [
            ("10.0.0.5:5432", [], [], "private address"), ("127.0.0.1:8080", [], [], "loopback address"),
            ("169.254.169.254", [], [], "metadata address"),
            ("api.example.com", ["get"], [], "upper case"), ("api.example.com", ["GET "], [], "upper case"),
            ("api.example.com", [""], [], "upper case"),
            ("api.example.com", [], ["repos"], "begins with /"), ("api.example.com", [], ["/a/**"], "already stands for any text"),
            ("api.example.com", [], ["/a?x=1"], "query"), ("api.example.com", [], ["/a/../b"], "different ways"),
            ("api.example.com", [], ["/a//b"], "different ways"),
            ("api.example.com", [], ["/a;b"], "cut a path at"), ("api.example.com", [], ["/%2e%2e/x"], "different ways"),
            ("api.example.com", [], ["/a%2Ab"], "encoded `*`"),
            ("api.example.com", [], ["/ä"], "different ways"), ("api.example.com", [], ["/a b"], "different ways"),
        ]
        for one in cases {
            let error = #expect(throws: CoopError.self) {
                try NetworkRule(parsing: one.host, methods: one.methods, paths: one.paths, origin: "coop.toml:12:3")
            }
            #expect(error?.why.contains(one.why) == true, "\(error?.message ?? "")")
            #expect(error?.what.hasPrefix("coop.toml:12:3: ") == true)
        }
        #expect(throws: Never.self) { try NetworkRule(parsing: "10.0.0.5", action: .deny, origin: "--deny") }
    }

    @Test("names the nearest word")
    func words() throws {
        let mode = #expect(throws: CoopError.self) { try NetworkPolicy.Mode(parsing: "scopd") }
        #expect(mode?.next == "write `scoped`")
        let action = #expect(throws: CoopError.self) { try NetworkRule.action(parsing: "alow") }
        #expect(action?.next == "write `allow`")
        #expect(try NetworkRule.action(parsing: "ask") == .ask)
        let proxy = #expect(throws: CoopError.self) { try ProxyAddress(parsing: "htp://proxy.example.com:1") }
        #expect(proxy?.next?.contains("http://") == true)
    }

    @Test("reads overrides and proxies")
    func places() throws {
        let entry = try HostOverride(parsing: "api.example.com", target: "127.0.0.1:8443", origin: "coop.toml:1:1")
        #expect(entry.description == "api.example.com = 127.0.0.1:8443" && entry.port == 8443)
        #expect(try HostOverride(parsing: "git.example.com", target: "git.example.com", origin: "x").port == nil)
        for (host, target) in [
            ("a.example:80", "b.example"), ("a.example", "169.254.169.254:80"), ("a.example", "0.0.0.0:80"), ("a.example", "127.1:80"),
            ("127.1", "b.example"),
        ] {
            #expect(throws: CoopError.self) { try HostOverride(parsing: host, target: target, origin: "x") }
        }
        #expect(try ProxyAddress(parsing: "http://Proxy.example.com").description == "http://proxy.example.com:3128")
        #expect(try ProxyAddress(parsing: "socks5://[2001:db8::1]:1081/").description == "socks5://[2001:db8::1]:1081")
        let error = #expect(throws: CoopError.self) { try ProxyAddress(parsing: "http://me:hunter2@proxy.example.com") }
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("describes a rule on one line")
    func text() throws {
        let rule = try NetworkRule(
            parsing: "api.example.com:8443", methods: ["GET", "HEAD"], paths: ["/repos/me/*", "/%7euser"], action: .deny,
            origin: "coop.toml:1:1")
        #expect(rule.description == "deny GET,HEAD api.example.com:8443 /repos/me/* /~user")
        #expect(rule.looksAtRequests)
    }
}
