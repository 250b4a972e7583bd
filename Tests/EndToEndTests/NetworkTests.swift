import Glibc
import LinuxKernel
import TestSupport
import Testing

/// One ordinary identity, where all of them would show the same.
private let anyone = TestIdentity.ordinary.first ?? .root

/// What leaves a sandbox, with real programs inside and a real server outside.
@Suite struct NetworkTests {
    /// A project whose user lets `api.example.com` through, which lies on the test's own server.
    private func place(_ identity: TestIdentity, _ upstream: Upstream, _ further: String = "") throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.configure(
            """
            [network]
            allow = ["api.example.com"]
            ca = ["\(upstream.directory)/ca.pem"]
            \(further)
            [network.hosts]
            "api.example.com" = "127.0.0.1:\(upstream.secure)"
            "other.example.com" = "127.0.0.1:\(upstream.secure)"
            "plain.example.com" = "127.0.0.1:\(upstream.plain)"
            "echo.example.com" = "127.0.0.1:\(upstream.echo)"
            "elsewhere.example.com" = "127.0.0.1:\(upstream.misnamed)"
            "unsigned.example.com" = "127.0.0.1:\(upstream.unsigned)"
            """)
        return place
    }

    /// curl(1) without a proxy: the kernel leads its connection to the gateway.
    private static let direct = ["curl", "-sS", "--max-time", "60", "--noproxy", "*"]

    @Test("an allowed host is reached end to end, without and with a proxy", arguments: TestIdentity.all)
    func allowed(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream)
        let ca = ["-m", "\(upstream.directory)/ca.pem:/ca.pem:ro"]
        // Nothing of it has to be read, so the certificate that the program sees is the server's own.
        let outcome = try place.run(NetworkTests.direct + ["--cacert", "/ca.pem", "https://api.example.com/direct"], options: ca)
        #expect(outcome.output == "secure GET /direct 0\n", "\(outcome)")
        #expect(outcome.error.isEmpty, "\(outcome)")
        let proxied = try place.run(["curl", "-sS", "--cacert", "/ca.pem", "https://api.example.com/proxied"], options: ca)
        #expect(proxied.output == "secure GET /proxied 0\n", "\(proxied)")
        let socks = try place.run(
            ["curl", "-sS", "--cacert", "/ca.pem", "--proxy", "socks5h://127.0.0.1:3128", "https://api.example.com/socks"], options: ca)
        #expect(socks.output == "secure GET /socks 0\n", "\(socks)")
        #expect(try place.coop(["audit", "verify"]).exitCode == 0)
    }

    @Test("TCP inside does not pace itself, whatever the host's does", arguments: TestIdentity.all)
    func congestionControl(_ identity: TestIdentity) throws {
        let outcome = try Sandboxed(identity).run(["cat", "/proc/sys/net/ipv4/tcp_congestion_control"])
        #expect(outcome.output == "reno\n", "\(outcome)")
    }

    @Test("a refusal names the rule and the command that would change it, to the program and to the user", arguments: TestIdentity.all)
    func refused(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream)
        // Over TLS, with the certificate of the sandbox's own authority, which programs inside trust.
        let outcome = try place.run(NetworkTests.direct + ["-w", "%{http_code}", "https://other.example.com/x"])
        #expect(outcome.output.contains("no rule allows it") && outcome.output.hasSuffix("403"), "\(outcome)")
        #expect(outcome.output.contains("coop run --allow other.example.com -- COMMAND"), "\(outcome)")
        #expect(outcome.error.contains("coop: refused other.example.com: no rule allows it"), "\(outcome)")
        let plain = try place.run(NetworkTests.direct + ["-w", "%{http_code}", "http://plain.example.com/x"])
        #expect(plain.output.contains("no rule allows it") && plain.output.hasSuffix("403"), "\(plain)")
        #expect(try upstream.requests().isEmpty)
        #expect(
            try place.run(NetworkTests.direct + ["http://plain.example.com/y"], options: ["--allow", "plain.example.com"]).output
                == "plain GET /y 0\n")
        let denied = try place.run(NetworkTests.direct + ["https://api.example.com/x"], options: ["--deny", "api.example.com"])
        #expect(denied.output.contains("a rule forbids it"), "\(denied)")
    }

    @Test("rules by method and path hold for each request", arguments: TestIdentity.all)
    func requests(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try Sandboxed(identity)
        try place.configure(
            """
            [network]
            ca = ["\(upstream.directory)/ca.pem"]
            [network.hosts]
            "api.example.com" = "127.0.0.1:\(upstream.secure)"
            [[network.rules]]
            host = "api.example.com"
            methods = ["GET"]
            paths = ["/open/*"]
            action = "allow"
            """)
        let outcome = try place.shell(
            """
            for url in /open/a /closed/b /open/../closed/c /open/%2e%2e/closed/d; do
              curl -s --path-as-is --noproxy '*' -o /dev/null -w '%{http_code}\\n' https://api.example.com$url; done
            curl -s --noproxy '*' -o /dev/null -w '%{http_code}\\n' -X POST -d x https://api.example.com/open/e
            curl -s --noproxy '*' --http1.1 -w '%{http_code}\\n' -o /dev/null https://api.example.com/open/f -o /dev/null https://api.example.com/closed/g
            """)
        #expect(outcome.output == "200\n403\n403\n403\n403\n200\n403\n", "\(outcome)")
        let seen = try upstream.requests()
        #expect(seen == ["secure GET /open/a api.example.com", "secure GET /open/f api.example.com"], "\(seen)")
    }

    @Test("a bad certificate of an upstream is never laundered", arguments: ["elsewhere", "unsigned"])
    func certificates(_ name: String) throws {
        let upstream = try Upstream()
        let place = try Sandboxed(anyone)
        try place.configure(
            """
            [network]
            ca = ["\(upstream.directory)/ca.pem"]
            [network.hosts]
            "elsewhere.example.com" = "127.0.0.1:\(upstream.misnamed)"
            "unsigned.example.com" = "127.0.0.1:\(upstream.unsigned)"
            [[network.rules]]
            host = "\(name).example.com"
            methods = ["GET"]
            action = "allow"
            """)
        let outcome = try place.run(NetworkTests.direct + ["-w", "%{http_code}", "https://\(name).example.com/"])
        #expect(outcome.output.hasSuffix("502"), "\(outcome)")
        #expect(try upstream.requests().isEmpty)
    }

    @Test("other protocols go only where a rule names the port", arguments: TestIdentity.all)
    func ports(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream)
        let script = """
            import socket
            try:
                s = socket.create_connection(("echo.example.com", 7000), 60); s.sendall(b"hello"); print(s.recv(5))
            except OSError as error: print("refused", error.errno)
            """
        let command = ["/usr/bin/python3", "-c", script]
        #expect(try place.run(command, options: ["--allow", "echo.example.com"]).output != "b'hello'\n")
        let outcome = try place.run(command, options: ["--allow", "echo.example.com:7000"])
        #expect(outcome.output == "b'hello'\n", "\(outcome)")
    }

    @Test("a port of the host is there only where it is named", arguments: TestIdentity.all)
    func hostPorts(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream, "host_ports = [\(upstream.plain)]")
        let named = try place.run(NetworkTests.direct + ["http://127.0.0.1:\(upstream.plain)/h"])
        #expect(named.output == "plain GET /h 0\n", "\(named)")
        let other = try place.run(NetworkTests.direct + ["http://127.0.0.1:\(upstream.echo)/h"])
        #expect(other.exitCode == 7, "\(other)")
    }

    /// Ways around the rules: a shell line each, which must not reach the server.
    static let bypasses: [String] = [
        // The server's own address, and other ways to write it.
        "curl -sS -m 5 --noproxy '*' http://127.0.0.1:PLAIN/", "curl -sS -m 5 http://127.0.0.1:PLAIN/",
        "curl -sS -m 5 --noproxy '*' http://2130706433:PLAIN/",
        "curl -sS -m 5 -x http://127.0.0.1:3128 http://127.0.0.1:PLAIN/",
        "curl -sS -m 5 -x socks5://127.0.0.1:3128 http://127.0.0.1:PLAIN/",
        "curl -sS -m 5 -x socks5h://127.0.0.1:3128 http://0x7f.1:PLAIN/", "curl -sS -m 5 --noproxy '*' 'http://[::ffff:127.0.0.1]:PLAIN/'",
        "curl -sS -m 5 -x http://127.0.0.1:3128 -p http://localhost:PLAIN/",
        // An allowed name in one place, another in the other.
        "curl -sS -m 5 --noproxy '*' -k --connect-to other.example.com:443:api.example.com:443 https://other.example.com/",
        "curl -sS -m 5 --noproxy '*' -H 'Host: other.example.com' http://plain.example.com/",
        "curl -sS -m 5 --noproxy '*' -k -H 'Host: plain.example.com' https://other.example.com/",
        "curl -sS -m 5 --noproxy '*' http://api.example.com.plain.example.com/", "curl -sS -m 5 --noproxy '*' http://evilapi.example.com/",
        // Another resolver, another family, another port, the gateway's own.
        "curl -sS -m 5 --noproxy '*' --resolve api.example.com:80:192.0.2.1 http://api.example.com/",
        "curl -sS -m 5 --noproxy '*' http://192.0.2.1/",
        "curl -sS -m 5 --noproxy '*' -6 http://plain.example.com/", "curl -sS -m 5 --noproxy '*' http://plain.example.com:8080/",
        "curl -sS -m 5 --noproxy '*' http://127.0.0.1:1021/", "curl -sS -m 5 --noproxy '*' http://198.18.0.1:1021/",
        "printf 'CONNECT api.example.com:443 HTTP/1.1\\r\\n\\r\\nGET / HTTP/1.1\\r\\nHost: api.example.com\\r\\n\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128; cat >&3; cat <&3'",
        "printf 'CONNECT plain.example.com\\0api.example.com:80 HTTP/1.1\\r\\n\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128; cat >&3; cat <&3'",
    ]

    @Test("ways around the rules do not reach the server", arguments: bypasses)
    func bypass(_ line: String) throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        let outcome = try place.shell(line.replacing("PLAIN", with: "\(upstream.plain)") + "; exit 0")
        #expect(outcome.exitCode == 0, "\(outcome)")
        let seen = try upstream.requests()
        #expect(seen.isEmpty, "\(seen) \(outcome)")
    }

    @Test("a name that leads to a closed address is not connected to, whatever allows it", arguments: TestIdentity.all)
    func closedAddress(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try Sandboxed(identity)
        // Every host knows this name; the server listens where it leads.
        let outcome = try place.run(
            ["curl", "-sS", "-m", "60", "--noproxy", "", "-x", "http://127.0.0.1:3128", "http://localhost:\(upstream.plain)/"],
            options: ["--allow", "localhost:\(upstream.plain)"])
        #expect(outcome.error.contains("it leads to an address that is closed to sandboxes"), "\(outcome)")
        #expect(try upstream.requests().isEmpty)
    }

    @Test("the end of the gateway's worker is the end of all traffic", arguments: TestIdentity.all)
    func workerDies(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream)
        let child = try place.start([
            "run", "--allow", "plain.example.com", "--", "/bin/sh", "-c",
            "curl -sS --noproxy '*' http://plain.example.com/before; until [ -e go ]; do sleep 0.05; done; "
                + "curl -sS -m 5 --noproxy '*' http://plain.example.com/after; echo ended $?",
        ])
        #expect(try child.waitForOutput("/before"))
        let children = String(osBytes: try FileSystem.read("/proc/\(child.pid)/task/\(child.pid)/children"))
        let gateways = try children.split(separator: " ").compactMap { Int32($0) }.filter {
            String(osBytes: try FileSystem.read("/proc/\($0)/comm")) == "coop-gateway\n"
        }
        #expect(gateways.count == 1 && gateways.allSatisfy { kill($0, SIGKILL) == 0 })
        // Taken away by the supervisor, once it has noticed.
        #expect(Deadline.poll(seconds: 60) { gateways.allSatisfy { Sandboxed.state(of: $0) == nil } })
        try place.write("go", "")
        let outcome = try child.wait()
        #expect(outcome.output.contains("ended 7") || outcome.output.contains("ended 6"), "\(outcome)")
        #expect(outcome.error.contains("the gateway has ended"), "\(outcome)")
        #expect(try upstream.requests() == ["plain GET /before plain.example.com"])
    }

    @Test("a log that cannot be written stops the traffic")
    func noRecord() throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        // A file in the place of the directory.
        let planted = try place.outside(["sh", "-c", "rm -rf \(place.coopHome)/audit; touch \(place.coopHome)/audit"])
        #expect(planted.exitCode == 0, "\(planted)")
        let outcome = try place.run(NetworkTests.direct + ["http://plain.example.com/x"], options: ["--allow", "plain.example.com"])
        #expect(outcome.exitCode != 0 && outcome.error.contains("audit"), "\(outcome)")
        #expect(try upstream.requests().isEmpty)
    }

    @Test("a log that cannot be written any more stops the traffic, and everything that left is in it", arguments: TestIdentity.all)
    func fullRecord(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream)
        // No file may grow beyond this (setrlimit(2)), as on a disk that is full.
        let outcome = try place.hostShell(
            """
            prlimit --fsize=700000 "$coop" run --allow plain.example.com -- /bin/sh -c '
              ask() { curl -s -m 60 --noproxy "*" -o /dev/null -w "%{http_code}\n" "$1"; }
              ask http://plain.example.com/before; ask "http://denied.example.com/[1-5000]" | sort | uniq -c; ask http://plain.example.com/after'
            """, timeout: 300)
        // Whichever log is full first, the session's or the audit: nothing leaves any more.
        #expect(
            outcome.output.hasPrefix("200\n")
                && !outcome.output.dropFirst(4).split(separator: "\n").contains { $0.hasSuffix(" 200") || $0 == "200" },
            "\(outcome)")
        #expect(outcome.error.contains("audit") || outcome.error.contains("cannot write the session's event log"), "\(outcome)")
        #expect(try upstream.requests() == ["plain GET /before plain.example.com"])
        #expect(try place.coop(["audit", "export"]).output.contains("\"path\":\"/before\""))
        let verified = try place.coop(["audit", "verify"])
        #expect(verified.exitCode == 0, "\(verified)")
    }

    @Test("every decision is in the audit log")
    func record() throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        _ = try place.run(NetworkTests.direct + ["http://plain.example.com/yes?token=x"], options: ["--allow", "plain.example.com"])
        _ = try place.run(NetworkTests.direct + ["http://plain.example.com/no"])
        let log = try place.coop(["audit", "export"])
        #expect(log.output.contains("\"path\":\"/yes\"") && log.output.contains("\"deny\"") && !log.output.contains("token=x"), "\(log)")
        #expect(try place.coop(["audit", "verify"]).exitCode == 0)
    }

    @Test("coop why and coop policy test say what a sandbox would meet")
    func explained() throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        #expect(try place.coop(["why", "api.example.com"]).output.hasPrefix("allowed: api.example.com"))
        #expect(try place.coop(["why", "other.example.com"]).output.contains("coop run --allow other.example.com"))
        #expect(try place.coop(["policy", "test", "https://api.example.com/x"]).exitCode == 0)
        let denied = try place.coop(["policy", "test", "https://other.example.com/x", "--json"])
        #expect(denied.exitCode == 1 && denied.output.contains("\"deny\""), "\(denied)")
        #expect(try place.coop(["policy", "check"]).output == "The policy is in order: network scoped, 1 rule.\n")
        #expect(try place.coop(["policy", "show"]).output.contains("allow api.example.com"))
    }
}
