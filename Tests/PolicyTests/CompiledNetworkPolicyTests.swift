import CoopErrors
import TestSupport
import Testing

@testable import Policy

@Suite("A compiled network policy")
struct CompiledNetworkPolicyTests {
    func compile(_ rules: [NetworkRule]) throws -> CompiledNetworkPolicy { try compile(.scoped, rules) }

    func compile(_ mode: NetworkPolicy.Mode, hosts: [HostOverride] = [], _ rules: [NetworkRule]) throws -> CompiledNetworkPolicy {
        try CompiledNetworkPolicy(NetworkPolicy(mode: mode, rules: rules, hosts: hosts))
    }

    func rule(_ host: String, _ methods: [String] = [], _ paths: [String] = [], _ action: NetworkRule.Action = .allow) throws -> NetworkRule
    {
        try NetworkRule(parsing: host, methods: methods, paths: paths, action: action, origin: "test")
    }

    func at(_ host: String) throws -> Destination { try Destination(untrusted: host.utf8) }

    @Test("agrees with the plain reading of the rules, whatever the rules and the requests")
    func property() throws {
        var random = SeededGenerator(7)
        let labels = ["a", "b", "api", "example", "com", "org", "x1", "verylonglabel-of-more-than-eight-bytes", "local"]
        let name: (inout SeededGenerator) -> String = { random in
            (0..<Int.random(in: 2...5, using: &random)).map { _ in random.pick(labels) }.joined(separator: ".")
        }
        let segments = ["a", "b", "repos", "me", "Admin", "admin", "x.y", "v1"]
        let oddities = ["%2f", ";v=1", "..", ".", "", "%61", "%41dmin", "%2e%2e", "\\", "%zz", "é", ".git", "%252e", "b%2Fa"]
        for round in 0..<500 {
            let known = (0..<6).map { _ in name(&random) }
            var rules: [NetworkRule] = []
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let chosen = random.pick(known)
                let below = chosen.split(separator: ".").dropFirst().joined(separator: ".")
                var host = random.chance(10) ? "8.8.8.8" : random.chance(3) && below.contains(".") ? "*." + below : chosen
                if random.chance(4) { host += random.pick([":8443", ":443", ":22"]) }
                let methods = random.chance(2) ? [] : [random.pick(["GET", "POST", "PROPFIND", "VERSION-CONTROL"])]
                let paths =
                    random.chance(2)
                    ? []
                    : (0..<Int.random(in: 1...3, using: &random)).map { _ in
                        "/"
                            + (0..<Int.random(in: 0...3, using: &random)).map { _ in random.pick(segments + ["*", "a*", "x%2fy"]) }.joined(
                                separator: "/")
                    }
                rules.append(try rule(host, methods, paths, random.pick(NetworkRule.Action.allCases)))
            }
            let hosts = random.chance(3) ? [HostOverride(host: try at("db.local"), target: try at("127.0.0.1"), origin: "test")] : []
            let policy = NetworkPolicy(mode: random.pick([.scoped, .scoped, .open, .none]), rules: rules, hosts: hosts)
            let compiled = try CompiledNetworkPolicy(policy, addressGuard: AddressGuard(), seed: random.next())
            let reference = ReferenceDecision(policy: policy)
            for _ in 0..<60 {
                var host =
                    random.chance(12)
                    ? random.pick(["8.8.8.8", "1.1.1.1", "127.0.0.1", "[::ffff:8.8.8.8]", "db.local"]) : random.pick(known)
                if random.chance(4), !host.contains("["), IPAddress(parsing: host) == nil { host = random.pick(labels) + "." + host }
                if random.chance(8), !host.contains("["), IPAddress(parsing: host) == nil { host = "evil" + host }
                let destination = try at(host)
                let port = random.pick([UInt16(443), 80, 8443, 22, 1])
                let method = random.pick([
                    "GET", "POST", "get", "post", "HEAD", "PROPFIND", "propFind", "VERSION-CONTROL", "VERSION-CONTROX", "X", "",
                ])
                let usual =
                    "/"
                    + (0..<Int.random(in: 0...4, using: &random)).map { _ in random.pick(segments + (random.chance(5) ? oddities : [])) }
                    .joined(separator: "/")
                let target = usual + (random.chance(5) ? "/" : "") + (random.chance(4) ? "?q=/../x" : "")
                let expected = reference.decide(destination, port: port, method: method, target: target)
                let found = compiled.decide(destination, port: port, method: method, target: target)
                #expect(found == expected, "round \(round): \(rules) \(policy.mode) — \(method) \(destination):\(port) \(target)")
                #expect(compiled.decide(destination, port: port) == reference.decide(destination, port: port))
                if let name = destination.name {
                    let bytes = Array((random.chance(2) ? name.text.uppercased() + "." : name.text).utf8)
                    let again = bytes.withUnsafeBytes { bytes in
                        Array(method.utf8).withUnsafeBytes { method in
                            Array(target.utf8).withUnsafeBytes {
                                compiled.decide(untrustedName: bytes, port: port, method: method, target: $0)
                            }
                        }
                    }
                    #expect(again == expected)
                }
                // What is settled for the connection holds for every request.
                if case .settled(let decision) = compiled.connection(destination, port: port) {
                    #expect(decision.action == found.action, "round \(round): \(rules) — \(method) \(destination):\(port) \(target)")
                }
            }
        }
    }

    @Test("agrees with it also for a host with many path rules")
    func manyPaths() throws {
        var random = SeededGenerator(9)
        let parts = ["a", "B", "repos", "me", "x1", "longer-than-eight-bytes", "12345678", "1234567", "*", "a*", "*b"]
        let path: (inout SeededGenerator, Int) -> String = { random, kinds in
            "/" + (0..<Int.random(in: 0...4, using: &random)).map { _ in random.pick(Array(parts.prefix(kinds))) }.joined(separator: "/")
        }
        for round in 0..<150 {
            let hosts = ["one.example.com", "*.example.com", "8.8.8.8"]
            var rules: [NetworkRule] = []
            for _ in 0..<60 {
                let paths =
                    random.chance(6)
                    ? []
                    : (0..<Int.random(in: 1...2, using: &random)).map { _ in
                        path(&random, parts.count) + (random.chance(3) ? "/" : "")
                    }.map { $0 == "//" ? "/" : $0 }
                rules.append(
                    try rule(
                        random.pick(hosts) + random.pick(["", ":443"]), random.chance(2) ? [] : [random.pick(["GET", "POST"])], paths,
                        paths.isEmpty ? .ask : random.pick([.allow, .allow, .allow, .ask, .deny])))
            }
            let compiled = try compile(rules)
            let reference = ReferenceDecision(policy: compiled.policy)
            for _ in 0..<60 {
                let destination = try at(random.pick(["one.example.com", "two.example.com", "8.8.8.8"]))
                let odd = random.pick(["", "", "", "", "/", "?x", ";y", "%2fa", "/..", "/%61"])
                let target = random.chance(2) ? path(&random, 8) + odd : path(&random, 8).uppercased() + odd
                let expected = reference.decide(destination, port: 443, method: "GET", target: target)
                let found = compiled.decide(destination, port: 443, method: "GET", target: target)
                #expect(found == expected, "round \(round): \(rules) — \(destination) \(target)")
            }
        }
    }

    @Test("finds each of many names, of every length")
    func lengths() throws {
        var rules: [NetworkRule] = []
        var names: [String] = []
        for count in 1...58 {
            names.append(String(repeating: "x", count: count) + ".y\(count).example")
            names.append("a." + Array(repeating: "b", count: count).joined(separator: ".") + ".example")
        }
        names += ["a.b", "a.bc", "ab.cd", "abc.def", "abcd.efg", "abcd.efgh"]
        for (index, name) in names.enumerated() { rules.append(try rule(index % 2 == 0 ? name : "*." + name)) }
        let compiled = try compile(rules)
        for (index, name) in names.enumerated() {
            let inside = index % 2 == 0 ? name : "sub." + name
            #expect(compiled.decide(try at(inside), port: 443) == Decision(.allow, .rule(index)), "\(inside)")
            #expect(compiled.decide(try at("evil" + name), port: 443).action == .deny, "evil\(name)")
            #expect(compiled.decide(try at(inside + ".evil"), port: 443).action == .deny)
            if index % 2 == 1 { #expect(compiled.decide(try at(name), port: 443).rule != index) }
        }
    }

    @Test("denies first, then takes the first rule, then the mode")
    func order() throws {
        let compiled = try compile([
            rule("*.example.com"), rule("a.example.com", [], [], .ask), rule("b.example.com", [], [], .deny),
            rule("*.deep.example.com", ["POST"], [], .deny),
        ])
        #expect(compiled.decide(try at("a.example.com"), port: 443) == Decision(.allow, .rule(0)))
        #expect(compiled.decide(try at("b.example.com"), port: 443) == Decision(.deny, .rule(2)))
        #expect(compiled.decide(try at("b.example.com"), port: 22) == Decision(.deny, .rule(2)))
        #expect(compiled.decide(try at("c.example.com"), port: 22) == Decision(.deny, .noRule))
        #expect(compiled.needsInspection(try at("x.deep.example.com"), port: 443))
        #expect(!compiled.needsInspection(try at("c.example.com"), port: 443))
        #expect(compiled.decide(try at("x.deep.example.com"), port: 443, method: "post", target: "/") == Decision(.deny, .rule(3)))
        #expect(compiled.decide(try at("x.deep.example.com"), port: 443, method: "GET", target: "/") == Decision(.allow, .rule(0)))
        // What cannot be read as requests is not let past a rule that would have to read them.
        #expect(compiled.decide(try at("x.deep.example.com"), port: 443) == Decision(.deny, .rule(3)))
    }

    @Test("inspects only where requests can meet different fates")
    func inspection() throws {
        let compiled = try compile([
            rule("a.example.com"), rule("a.example.com", ["GET"]), rule("b.example.com", ["GET"], ["/x"]),
            rule("c.example.com", ["GET"], [], .deny),
            rule("d.example.com", [], [], .deny), rule("d.example.com", ["GET"]),
        ])
        for (host, expected) in [("a", false), ("b", true), ("c", false), ("d", false)] {
            #expect(compiled.needsInspection(try at("\(host).example.com"), port: 443) == expected, "\(host)")
        }
        #expect(!compiled.needsInspection(try at("b.example.com"), port: 8443))
        #expect(compiled.connection(try at("b.example.com"), port: 22) == .settled(Decision(.deny, .noRule)))
        let open = try compile(.open, [rule("c.example.com", ["GET"], [], .deny), rule("e.example.com", ["GET"])])
        #expect(open.needsInspection(try at("c.example.com"), port: 443))
        #expect(!open.needsInspection(try at("e.example.com"), port: 443))
    }

    @Test("opens the public internet in open mode and nothing else")
    func open() throws {
        let compiled = try compile(.open, hosts: [HostOverride(host: try at("nas.local"), target: try at("10.0.0.7"), origin: "test")], [])
        #expect(compiled.decide(try at("example.com"), port: 443) == Decision(.allow, .openMode))
        #expect(compiled.decide(try at("example.com"), port: 22) == Decision(.deny, .port))
        #expect(compiled.decide(try at("printer.local"), port: 80) == Decision(.deny, .localName))
        #expect(compiled.decide(try at("nas.local"), port: 80) == Decision(.allow, .openMode))
        #expect(compiled.decide(try at("8.8.8.8"), port: 443) == Decision(.deny, .directAddress))
        #expect(compiled.decide(try at("[fd00:ec2::254]"), port: 80) == Decision(.deny, .closedAddress(.metadata)))
    }

    @Test("closes an address that a name leads to")
    func connected() throws {
        let compiled = try compile([rule("8.8.8.8", [], [], .deny), rule("1.1.1.1:53")])
        #expect(compiled.refusal(of: IPAddress(8, 8, 8, 8), port: 443) == Decision(.deny, .rule(0)))
        #expect(compiled.refusal(of: IPAddress(10, 0, 0, 1), port: 443) == Decision(.deny, .closedAddress(.private)))
        #expect(compiled.refusal(of: IPAddress(10, 0, 0, 1), port: 443, isExplicit: true) == nil)
        #expect(compiled.refusal(of: IPAddress(1, 1, 1, 1), port: 443) == nil)
        #expect(compiled.decide(try at("1.1.1.1"), port: 53) == Decision(.allow, .rule(1)))
        #expect(compiled.decide(try at("1.1.1.1"), port: 443) == Decision(.deny, .directAddress))
    }

    @Test(
        "does not let a path rule be walked around",
        arguments: [
            ("/public/a", true, false), ("/public/a?x=/admin", true, false), ("/public/../admin", false, true),
            ("/public/%2e%2e/admin", false, true),
            ("/public/..;/admin", false, true), ("/public/..%2fadmin", false, true), ("/public/%2e%2e%2fadmin", false, true),
            ("/public//admin", false, true),
            ("/public/..\\admin", false, true), ("/admin", false, true), ("/ADMIN", false, true), ("/admin/", false, true),
            ("/%61dmin", false, true),
            ("/admin;x=1", false, true), ("/admin%2f", false, true), ("/Admin/users", false, false), ("/admin%00", false, true),
            ("*", false, true), ("", false, true),
            ("/public;x/a", false, false), ("/public%2fa", false, false), ("/publi%63/a", true, false),
            ("http://api.example.com/public/a", false, true),
        ])
    func walkingAround(target: String, isAllowed: Bool, isDenied: Bool) throws {
        let allowing = try compile([rule("api.example.com", [], ["/public/*"])])
        #expect(allowing.decide(try at("api.example.com"), port: 443, method: "GET", target: target).action == (isAllowed ? .allow : .deny))
        let denying = try compile([rule("api.example.com"), rule("api.example.com", [], ["/admin"], .deny)])
        #expect(denying.decide(try at("api.example.com"), port: 443, method: "GET", target: target).action == (isDenied ? .deny : .allow))
    }

    @Test("judges names from the wire strictly")
    func wire() throws {
        let compiled = try compile(.open, [rule("example.com", [], [], .deny)])
        for (name, expected) in [
            ("EXAMPLE.com.", Decision(.deny, .rule(0))), ("example.com\u{0}", Decision(.deny, .badName(.forbidden(0)))),
            ("127.1", Decision(.deny, .badName(.address))),
            ("example.org", Decision(.allow, .openMode)),
        ] {
            let found = Array(name.utf8).withUnsafeBytes { name in
                Array("GET".utf8).withUnsafeBytes { method in
                    Array("/".utf8).withUnsafeBytes { compiled.decide(untrustedName: name, port: 443, method: method, target: $0) }
                }
            }
            #expect(found == expected, "\(name)")
        }
    }

    @Test("has room for a bounded number of methods")
    func methods() throws {
        let many = (0..<64).map { "M" + String(repeating: "A", count: $0 / 26) + String(UnicodeScalar(UInt8(0x41 + $0 % 26))) }
        let found = try compile([rule("a.example.com", Array(many.prefix(63)))])
        #expect(found.decide(try at("a.example.com"), port: 443, method: many[62], target: "/").action == .allow)
        #expect(found.decide(try at("a.example.com"), port: 443, method: "OTHER", target: "/").action == .deny)
        #expect(throws: CoopError.self) { try compile([rule("a.example.com", many)]) }
    }
}
