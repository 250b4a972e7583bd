import LinuxKernel
import TestSupport
import Testing

/// Ways to use a host that is allowed in order to reach one that is not; the server answers for both.
@Suite struct FrontingTests {
    private func place(_ identity: TestIdentity, _ upstream: Upstream) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.configure(
            """
            [network]
            ca = ["\(upstream.directory)/ca.pem"]
            allow = ["plain.example.com"]
            [network.hosts]
            "api.example.com" = "127.0.0.1:\(upstream.secure)"
            "other.example.com" = "127.0.0.1:\(upstream.secure)"
            "plain.example.com" = "127.0.0.1:\(upstream.plain)"
            [[network.rules]]
            host = "api.example.com"
            methods = ["GET"]
            action = "allow"
            """)
        return place
    }

    private static let curl = "curl -sS -m 5 -k --noproxy '*'"
    private static let tls = "timeout 5 openssl s_client -quiet -connect api.example.com:443"

    /// A shell line each. The connection is terminated: the only rule of its host looks at methods.
    static let terminated = [
        "\(curl) --http1.1 -H 'Host: other.example.com' https://api.example.com/stolen",
        "\(curl) --http2 -H 'Host: other.example.com' https://api.example.com/stolen",
        "printf 'GET /stolen HTTP/1.1\\r\\nHost: api.example.com\\r\\nHost: other.example.com\\r\\n\\r\\n' | \(tls) -servername api.example.com",
        "\(curl) --http1.1 --request-target http://other.example.com/stolen https://api.example.com/",
        "\(curl) --http1.1 --request-target https://other.example.com/stolen https://api.example.com/",
        "\(curl) --http1.1 -X CONNECT --request-target other.example.com:443 https://api.example.com/",
        "\(curl) --http2 -X CONNECT --request-target other.example.com:443 https://api.example.com/",
        "\(curl) --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Host: other.example.com' https://api.example.com/stolen",
        "\(curl) -H 'X-Forwarded-Host: other.example.com' -X POST -d x https://api.example.com/stolen",
        // DNS over HTTPS to a host that is allowed is a request like any other.
        "\(curl) -H 'content-type: application/dns-message' --data-binary xyz https://api.example.com/stolen",
        // The name in TLS, against the name of the connection and of the request.
        "\(curl) --connect-to other.example.com:443:api.example.com:443 https://other.example.com/stolen",
        "\(curl) --connect-to other.example.com:443:api.example.com:443 -H 'Host: api.example.com' https://other.example.com/stolen",
        "printf 'GET /stolen HTTP/1.1\\r\\nHost: api.example.com\\r\\n\\r\\n' | \(tls) -servername other.example.com",
        "printf 'GET /stolen HTTP/1.1\\r\\nHost: api.example.com\\r\\n\\r\\n' | \(tls) -noservername",
        "printf 'GET /stolen HTTP/1.1\\r\\nHost: other.example.com\\r\\n\\r\\n' | \(tls) -servername api.example.com",
        "printf 'GET /stolen HTTP/1.1\\r\\nHost: api.example.com\\0.other.example.com\\r\\n\\r\\n' | \(tls) -servername api.example.com",
        "printf 'GET /stolen HTTP/1.1\\r\\nHost: other.example.com\\0api.example.com\\r\\n\\r\\n' | \(tls) -servername api.example.com",
        "printf 'CONNECT other.example.com:443 HTTP/1.1\\r\\nHost: other.example.com:443\\r\\n\\r\\n' | \(tls) -servername api.example.com",
        // Spellings.
        "\(curl) https://OTHER.example.com/stolen", "\(curl) https://other.example.com./stolen",
        "\(curl) https://other.example.com:443/stolen",
        "\(curl) https://api.example.com@other.example.com/stolen", "\(curl) 'https://api.example.com\\@other.example.com/stolen'",
        "\(curl) https://аpi.example.com/stolen", "\(curl) https://xn--pi-7kc.example.com/stolen",
        "\(curl) https://api.example.com.other.example.com/stolen",
        // The proxies: one name in the request's line and another in its field, or in the tunnel.
        "printf 'GET http://other.example.com/stolen HTTP/1.1\\r\\nHost: plain.example.com\\r\\n\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128; cat >&3; cat <&3'",
        "printf 'GET http://plain.example.com/stolen HTTP/1.1\\r\\nHost: other.example.com\\r\\n\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128; cat >&3; cat <&3'",
        "printf 'CONNECT plain.example.com:80 HTTP/1.1\\r\\n\\r\\nGET /stolen HTTP/1.1\\r\\nHost: other.example.com\\r\\n\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128; cat >&3; cat <&3'",
        "\(curl) -x http://127.0.0.1:3128 --noproxy '' --connect-to other.example.com:443:api.example.com:443 https://other.example.com/stolen",
    ]

    @Test("no host is reached by way of another on a connection that is read", arguments: TestIdentity.all)
    func fronting(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream)
        let lines = FrontingTests.terminated.enumerated().map { "echo == \($0); { \($1); } 2>&1; echo" }
        let patient = "curl -sS -m 60 -k --noproxy '*'"
        let control = "\(patient) --http1.1 https://api.example.com/control; \(patient) --http2 https://api.example.com/control\n"
        let outcome = try place.shell(control + lines.joined(separator: "\n") + "\nexit 0", timeout: 400)
        let seen = try upstream.requests()
        #expect(
            outcome.exitCode == 0 && seen == ["secure GET /control api.example.com", "secure GET /control api.example.com"],
            "\(seen) \(outcome)")
        // The server would answer for the other name.
        _ = try place.shell("curl -sS -m 60 -k --noproxy '*' https://other.example.com/stolen", options: ["--allow", "other.example.com"])
        #expect(try upstream.requests().last == "secure GET /stolen other.example.com")
    }

    @Test("a redirect to a closed address leads nowhere", arguments: TestIdentity.all)
    func redirects(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream)
        let targets = [
            "http://127.0.0.1:\(upstream.plain)/stolen", "http://localhost:\(upstream.plain)/stolen",
            "http://[::1]:\(upstream.plain)/stolen",
            "http://2130706433:\(upstream.plain)/stolen", "http://169.254.169.254/stolen", "https://other.example.com/stolen",
            "http://0.0.0.0:\(upstream.plain)/stolen",
        ]
        let lines = targets.flatMap { target in
            ["--noproxy '*'", ""].map { "curl -sS -m 60 -k -L \($0) 'http://plain.example.com/redirect?\(target)'" }
        }
        let outcome = try place.shell(lines.joined(separator: "\n") + "\nexit 0", timeout: 400)
        let seen = try upstream.requests()
        #expect(seen.count == lines.count && !seen.contains { $0.contains(" /stolen") }, "\(seen) \(outcome)")
        let followed = try place.shell("curl -sS -L --noproxy '*' 'http://plain.example.com/redirect?http://plain.example.com/end'")
        #expect(followed.output.hasSuffix("plain GET /end 0\n"), "\(followed)")
    }
}
