import HTTPGateway
import Testing

/// A real client and a real TLS upstream, through the proxy.
@Suite(.enabled(if: Curl.isInstalled)) struct CurlTests {
    let upstreamAuthority: TestAuthority
    let upstream: TestUpstream

    init() throws {
        upstreamAuthority = try TestAuthority("Upstream authority")
        upstream = try TestUpstream(.tls(upstreamAuthority.context()))
    }

    func gateway(_ judgement: @escaping TestGateway.Judgement = { _, _ in .allow([]) }) throws -> TestGateway {
        try TestGateway(upstream: upstream.port, roots: [upstreamAuthority.certificate], judgement: judgement)
    }

    @Test("a request passes in each protocol", arguments: ["--http1.1", "--http2"])
    func passes(version: String) throws {
        let gateway = try gateway()
        let result = try Curl.run(gateway, [version, "-w", "%{http_version} %{response_code}", Curl.url("/echo?a=1")])
        #expect(result.output.contains("GET /echo?a=1\n"))
        #expect(result.output.contains("host: api.example.com\n"))
        #expect(result.output.hasSuffix(version == "--http2" ? "2 200" : "1.1 200"))
        #expect(result.exitCode == 0, "\(result)")
        #expect(gateway.incidents == [])
    }

    @Test("an HTTP/2 client reaches an HTTP/1.1 upstream")
    func translates() throws {
        let old = try TestUpstream(.tls(upstreamAuthority.context(protocols: ["http/1.1"])))
        let gateway = try TestGateway(upstream: old.port, roots: [upstreamAuthority.certificate])
        let result = try Curl.run(gateway, ["--http2", "-d", "hello", Curl.url("/echo"), Curl.url("/echo"), "-w", "%{http_version}\n"])
        #expect(result.output.contains("POST /echo"))
        #expect(result.output.contains("hello2\n"), "\(result)")
        #expect(gateway.dials == 1)
    }

    @Test("a secret is put in, and what the client sent there is gone", arguments: ["--http1.1", "--http2"])
    func injects(version: String) throws {
        let gateway = try gateway { _, _ in .allow([bearer("real-secret")]) }
        let result = try Curl.run(gateway, [version, "-H", "Authorization: Bearer stub-of-the-test", Curl.url("/echo")])
        #expect(result.output.contains("authorization: Bearer real-secret\n"))
        #expect(!result.output.contains("stub"))
    }

    @Test("a denial names the rule, the reason and the command, and never reaches the network", arguments: ["--http1.1", "--http2"])
    func denies(version: String) throws {
        let gateway = try gateway { _, _ in .deny(Denial(rule: "network.rules[2]", reason: "POST is not allowed", next: "coop allow x")) }
        let text = try Curl.run(gateway, [version, "-i", Curl.url("/echo")]).output
        #expect(text.contains(" 403"))
        #expect(text.lowercased().contains("x-coop-denied: network.rules[2]"))
        #expect(text.contains("denied by network.rules[2]: POST is not allowed\nNext: coop allow x\n"))
        let json = try Curl.run(gateway, [version, "-H", "Accept: application/json", Curl.url("/echo")]).output
        #expect(json == #"{"error":"denied","rule":"network.rules[2]","reason":"POST is not allowed","next":"coop allow x"}"# + "\n")
        #expect(gateway.dials == 0)
        #expect(upstream.requests.isEmpty)
    }

    @Test("each request of a kept connection is judged, and a denial keeps the connection", arguments: ["--http1.1", "--http2"])
    func judgesEach(version: String) throws {
        let gateway = try gateway { request, _ in
            request.path == "/no" ? .deny(Denial(rule: "r", reason: "no")) : .allow([])
        }
        let result = try Curl.run(
            gateway,
            [version, "-d", "body", "-w", "%{num_connects} %{response_code}\n"]
                + ["/status/200", "/no", "/status/204", "/no", "/status/201"].flatMap { ["-o", "/dev/null", Curl.url($0)] })
        #expect(result.output == "1 200\n0 403\n0 204\n0 403\n0 201\n", "\(result)")
        #expect(gateway.judged.count == 5)
        #expect(gateway.dials == 1)
    }

    @Test("bodies of many sizes come back as they went", arguments: ["--http1.1", "--http2"])
    func bodies(version: String) throws {
        let gateway = try gateway()
        for size in [0, 1, 65535, 65536, 3_000_000] {
            let result = try Curl.run(gateway, [version, "-o", "/dev/null", "-w", "%{size_download}", Curl.url("/size/\(size)")])
            #expect(result.output == String(size), "\(result)")
        }
        for size in [1, 65536, 3_000_000] {
            let body = [UInt8](repeating: 0x62, count: size)
            for extra in [[], ["-H", "Transfer-Encoding: chunked"]] where version == "--http1.1" || extra.isEmpty {
                let result = try Curl.run(gateway, [version, "--data-binary", "@-"] + extra + [Curl.url("/count")], input: .bytes(body))
                #expect(result.output == String(size), "\(result)")
            }
        }
        #expect(gateway.incidents == [])
    }

    @Test("HEAD keeps the length and has no body", arguments: ["--http1.1", "--http2"])
    func head(version: String) throws {
        let result = try Curl.run(try gateway(), [version, "-I", Curl.url("/size/12345")])
        #expect(result.output.lowercased().contains("content-length: 12345"), "\(result)")
        #expect(result.exitCode == 0)
    }

    @Test("100-continue passes from end to end", arguments: ["--http1.1", "--http2"])
    func expectContinue(version: String) throws {
        let result = try Curl.run(
            try gateway(), [version, "-v", "-H", "Expect: 100-continue", "--expect100-timeout", "40", "-d", "body", Curl.url("/count")])
        #expect(result.output == "4", "\(result)")
        #expect(version == "--http2" || result.error.contains("100 Continue"))
    }

    @Test("an answer that comes before the body is seen", arguments: ["--http1.1", "--http2"])
    func early(version: String) throws {
        let body = [UInt8](repeating: 0x62, count: 3_000_000)
        let result = try Curl.run(
            try gateway(),
            [version, "-H", "Expect:", "--data-binary", "@-", "-o", "/dev/null", "-w", "%{response_code}", Curl.url("/early")],
            input: .bytes(body))
        #expect(result.output == "413", "\(result)")
    }

    @Test("the upstream's failure is a 502 that names the host", arguments: ["--http1.1", "--http2"])
    func reset(version: String) throws {
        let result = try Curl.run(try gateway(), [version, "-i", "-d", "x", Curl.url("/reset")])
        #expect(result.output.contains(" 502"))
        #expect(result.output.contains("coop: api.example.com: the host "), "\(result)")
    }
}
