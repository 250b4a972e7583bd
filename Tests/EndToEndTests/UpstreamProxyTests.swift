import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.last ?? .root

/// Everything through a proxy of the user's, which the sandbox knows nothing of.
@Suite struct UpstreamProxyTests {
    private static let credentials = "proxyuser:real-proxy-passw0rd"

    /// A proxy that leads everything to the service, and a place that uses it. The hosts are known to the proxy alone.
    private struct Fixture {
        let service: ClientService
        let proxy: ChildProcess
        var place: Sandboxed { service.place }
        private var log: String { service.directory + "/requests" }

        init(_ identity: TestIdentity, secret: String? = UpstreamProxyTests.credentials) throws {
            let place = try Sandboxed(identity)
            service = try ClientService(place)
            proxy = try ChildProcess(
                [
                    "/usr/bin/python3", ClientService.file("proxy.py"), UpstreamProxyTests.credentials, service.port,
                    service.directory + "/requests",
                ], input: .pipe)
            guard try proxy.waitForOutput(" END\n") else { throw TestSupportError("no proxy: \(proxy.errorText)") }
            let port = proxy.outputText.dropFirst(5).dropLast(5)
            try place.configure(
                """
                [network]
                mode = "scoped"
                allow = ["\(ClientService.open)", "forbidden.coop-test.example", "garbage.coop-test.example", "localhost"]
                ca = ["\(service.directory)/ca.pem"]
                proxy = "http://127.0.0.1:\(port)"
                [network.hosts]
                "direct.coop-test.example" = "127.0.0.1:\(service.port)"
                [[network.rules]]
                host = "direct.coop-test.example"
                action = "allow"

                """)
            try store("TOKEN", ClientService.secret)
            if let secret { try store("UPSTREAM_PROXY", secret) }
            try expect(
                place.coop([
                    "grant", "add", "clients", "--domain", ClientService.granted, "--header", "Authorization", "--template",
                    "Bearer {value}", "--secret", "TOKEN",
                ]))
        }

        /// What the proxy has been asked for.
        func requests() throws -> [String] {
            guard FileSystem.kind(log) == .file else { return [] }
            return String(osBytes: try FileSystem.read(log)).split(separator: "\n").map(String.init)
        }

        func end() { proxy.signal(SIGKILL) }

        private func store(_ name: String, _ value: String) throws {
            try expect(place.coop(["secret", "add", "--global", name], input: .bytes(Array(value.utf8))))
        }

        private func expect(_ outcome: ChildProcess.Outcome) throws {
            guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        }
    }

    @Test("passed and terminated connections go through it, and what [network.hosts] names does not", arguments: TestIdentity.all)
    func through(_ identity: TestIdentity) throws {
        let fixture = try Fixture(identity)
        defer { fixture.end() }
        let outcome = try fixture.place.captured(
            """
            curl -sS --http1.1 https://\(ClientService.open)/hello; curl -sS https://\(ClientService.granted)/hello
            head -c 2000000 /dev/urandom > sent
            curl -sS --data-binary @sent -o received https://\(ClientService.open)/echo; cmp sent received && echo same
            curl -sSk https://direct.coop-test.example/hello
            env; cat /proc/self/mounts
            """)
        #expect(outcome.output.hasPrefix("hello 1.1\nhello 2.0\nsame\nhello 2.0\n"), "\(outcome)")
        #expect(!outcome.output.contains("proxyuser") && !outcome.output.contains("real-proxy") && outcome.error.isEmpty, "\(outcome)")
        let requests = try fixture.requests()
        #expect(
            Set(requests) == ["CONNECT \(ClientService.open):443 HTTP/1.1", "CONNECT \(ClientService.granted):443 HTTP/1.1"], "\(requests)")
    }

    @Test("what it answers is said: no and wrong credentials, a refusal, nonsense")
    func answers() throws {
        for secret in [nil, "proxyuser:other"] {
            let fixture = try Fixture(anyone, secret: secret)
            defer { fixture.end() }
            let outcome = try fixture.place.captured("curl -sS https://\(ClientService.open)/; curl -sS https://\(ClientService.granted)/")
            #expect(outcome.output.contains("the upstream proxy wants other credentials"), "\(outcome)")
            #expect(outcome.error.contains("\(ClientService.open): the upstream proxy wants other credentials"), "\(outcome)")
            #expect(outcome.error.contains("Next: coop secret add --global UPSTREAM_PROXY"), "\(outcome)")
        }
        let fixture = try Fixture(anyone)
        defer { fixture.end() }
        let outcome = try fixture.place.captured(
            "curl -sS https://forbidden.coop-test.example/; curl -sS https://garbage.coop-test.example/; curl -sS https://\(ClientService.open)/hello"
        )
        #expect(outcome.output == "hello 2.0\n", "\(outcome)")
        #expect(outcome.error.contains("forbidden.coop-test.example: the upstream proxy does not connect to it"), "\(outcome)")
        #expect(outcome.error.contains("garbage.coop-test.example: the upstream proxy cannot be reached, or is none"), "\(outcome)")
    }

    @Test("without it nothing is connected to, and closed addresses are not asked for")
    func closed() throws {
        let fixture = try Fixture(anyone)
        let outcome = try fixture.place.captured(
            """
            exec 3<>/dev/null
            curl -sS -m 60 -x http://127.0.0.1:3128 --noproxy '' -p https://localhost/
            """)
        let requests = try fixture.requests()
        #expect(outcome.error.contains("closed to sandboxes") && requests.isEmpty, "\(outcome) \(requests)")
        fixture.end()
        _ = try fixture.proxy.wait()
        let down = try fixture.place.captured("curl -sS https://\(ClientService.open)/; curl -sS https://\(ClientService.granted)/")
        #expect(down.output.contains("the upstream proxy cannot be reached") && !down.output.contains("hello"), "\(down)")
        #expect(
            down.error.contains("\(ClientService.open): the upstream proxy cannot be reached")
                && down.error.contains("Next: coop config get network.proxy"), "\(down)")
    }

    @Test("where everything is open, names of the network beyond the proxy still need a rule")
    func open() throws {
        let fixture = try Fixture(anyone)
        defer { fixture.end() }
        let outcome = try fixture.place.captured(
            """
            for name in metadata.google.internal nas.local printer 169.254.169.254; do
              curl -sS -m 60 https://$name/
            done
            curl -sSk https://unknown.coop-test.example/hello
            """, options: ["--network", "open"])
        #expect(outcome.output.contains("metadata.google.internal: denied by local name"), "\(outcome)")
        // Of all of them the proxy is asked only for what is nowhere near.
        #expect(try fixture.requests() == ["CONNECT unknown.coop-test.example:443 HTTP/1.1"], "\(outcome)")
    }

    @Test("a proxy that this version cannot speak with stops the run", arguments: ["https", "socks5"])
    func unavailable(_ scheme: String) throws {
        let place = try Sandboxed(anyone)
        try place.configure("[network]\nproxy = \"\(scheme)://192.0.2.1:8080\"\n")
        let outcome = try place.run(["true"], options: ["--allow", "other.coop-test.example"])
        #expect(outcome.exitCode == 125 && outcome.error.contains("cannot use the proxy \(scheme)://192.0.2.1:8080"), "\(outcome)")
    }

    @Test("a repository's proxy gets no credentials of the user's, and does not apply beside a grant")
    func repository() throws {
        let fixture = try Fixture(anyone)
        defer { fixture.end() }
        let place = fixture.place
        let user = String(osBytes: try FileSystem.read(place.coopHome + "/config.toml"))
        let line = try #require(user.split(separator: "\n").first { $0.hasPrefix("proxy") })
        try place.configure(user.replacing(line, with: ""))
        try place.write("coop.toml", "name = \"x\"\n[network]\n\(line)\n")
        #expect(try place.coop(["trust", "--yes"]).exitCode == 0)
        let beside = try place.captured("curl -sS -m 60 https://\(ClientService.open)/hello")
        let before = try fixture.requests()
        #expect(beside.error.contains("`network.proxy` does not apply") && before.isEmpty, "\(beside) \(before)")
        #expect(try place.coop(["grant", "remove", "clients"]).exitCode == 0)
        let alone = try place.captured("curl -sS -m 60 https://\(ClientService.open)/hello")
        let after = try fixture.requests()
        #expect(alone.error.contains("the upstream proxy wants other credentials") && after.count == 1, "\(alone) \(after)")
    }
}
