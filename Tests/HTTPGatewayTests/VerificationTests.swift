import HTTPGateway
import NIOSSL
import Testing

/// Upstream certificates that must not pass: the client gets a 502 with the reason, and the request never leaves.
@Suite(.enabled(if: Curl.isInstalled)) struct VerificationTests {
    private func outcome(_ context: NIOSSLContext, roots: [[UInt8]], name: String = TestGateway.name) throws -> String {
        let upstream = try TestUpstream(.tls(context))
        let gateway = try TestGateway(upstream: upstream.port, roots: roots) { _, _ in
            .allow([bearer("real-secret")])
        }
        let results = try ["--http1.1", "--http2"].map { try Curl.run(gateway, [$0, "-w", " %{response_code}", Curl.url("/echo")]) }
        #expect(results[0].output == results[1].output)
        #expect(upstream.requests.isEmpty || results[0].output.hasSuffix("200"))
        if !results[0].output.hasSuffix("200") { #expect(gateway.incidents.allSatisfy { $0.kind == .certificate }) }
        return results[0].output
    }

    @Test("good ones pass")
    func good() throws {
        let authority = try TestAuthority()
        #expect(try outcome(authority.context(), roots: [authority.certificate]).hasSuffix(" 200"))
        #expect(
            try outcome(authority.context(name: "*.example.com"), roots: [Array(PEM.encode(authority.certificate).utf8)]).hasSuffix(" 200"))
        #expect(try outcome(TestAuthority.context(RSAFixtures.good), roots: [Array(RSAFixtures.authority.utf8)]).hasSuffix(" 200"))
    }

    @Test("an expired one")
    func expired() throws {
        let authority = try TestAuthority()
        let text = try outcome(authority.context(age: 100 * 86400), roots: [authority.certificate])
        #expect(text.hasPrefix("coop: api.example.com: a certificate expired on 20"))
        #expect(text.hasSuffix(" 502"))
    }

    @Test("one that is not valid yet")
    func early() throws {
        let authority = try TestAuthority()
        let text = try outcome(authority.context(age: -10 * 86400), roots: [authority.certificate])
        #expect(text.contains("a certificate is not valid before 20"))
    }

    @Test("a self-signed one")
    func selfSigned() throws {
        let other = try TestAuthority("Other")
        let text = try outcome(TestAuthority.context(RSAFixtures.selfSigned), roots: [other.certificate])
        #expect(text.contains("self-signed or its root is not trusted"))
        #expect(text.hasSuffix(" 502"))
    }

    @Test("one for another name")
    func wrongName() throws {
        let authority = try TestAuthority()
        let text = try outcome(authority.context(name: "www.example.org"), roots: [authority.certificate])
        #expect(text == "coop: api.example.com: the certificate is for www.example.org, not for api.example.com\n 502")
        #expect(try outcome(authority.context(name: "*.com"), roots: [authority.certificate]).hasSuffix(" 502"))
    }

    @Test("one of another authority")
    func wrongAuthority() throws {
        let text = try outcome(TestAuthority("Wrong authority").context(), roots: [TestAuthority("Right").certificate])
        #expect(text.contains("Wrong authority, which is not trusted"))
    }

    @Test("weak ones: SHA-1, a short key, a client's usage")
    func weak() throws {
        let root = Array(RSAFixtures.authority.utf8)
        #expect(try outcome(TestAuthority.context(RSAFixtures.sha1), roots: [root]).contains("weak algorithm"))
        #expect(try outcome(TestAuthority.context(RSAFixtures.short), roots: [root]).contains("weak key (RSA, 1024 bits)"))
        #expect(try outcome(TestAuthority.context(RSAFixtures.client), roots: [root]).contains("not for TLS servers"))
    }

    @Test("the sandbox's own authority is not trusted upstream")
    func ownAuthority() throws {
        let other = try TestAuthority()
        #expect(try outcome(other.context(), roots: []).hasSuffix(" 502"))
    }

    @Test("an address is compared with the addresses of the certificate")
    func address() throws {
        let authority = try TestAuthority()
        for (name, status) in [("192.0.2.7", "200"), ("192.0.2.8", "502"), ("api.example.com", "502")] {
            let upstream = try TestUpstream(.tls(authority.context(name: name)))
            let gateway = try TestGateway(upstream: upstream.port, roots: [authority.certificate], name: "192.0.2.7")
            let result = try Curl.run(
                gateway, ["--connect-to", "192.0.2.7:443:127.0.0.1:\(gateway.port)", "-w", " %{response_code}", "https://192.0.2.7/echo"])
            #expect(result.output.hasSuffix(" " + status), "\(name): \(result)")
            if status == "502" { #expect(result.output.contains("not for 192.0.2.7")) }
        }
    }
}
