import Glibc
import LinuxKernel
import TestSupport
import Testing

/// One ordinary identity, where all of them would show the same.
private let anyone = TestIdentity.ordinary.first ?? .root

/// A sandbox that fetches what it is told to, line by line, so that its rules can change between two requests.
struct FetchingSandbox {
    let place: Sandboxed
    let child: ChildProcess

    /// Names that lead to the test's own server; without rules none of them is allowed.
    static func hosts(_ upstream: Upstream) -> String {
        """
        [network.hosts]
        "plain.example.com" = "127.0.0.1:\(upstream.plain)"
        "second.example.com" = "127.0.0.1:\(upstream.plain)"
        "echo.example.com" = "127.0.0.1:\(upstream.echo)"
        """
    }

    private static let script =
        "echo started; while read url; do curl -sS --noproxy '*' -m 60 -o body -w \"$url %{http_code}\\n\" $url; done; echo over"

    /// - Parameter options: of `coop run`; its name is `live`.
    init(_ place: Sandboxed, options: [String] = [], input: ChildProcess.Input = .pipe) throws {
        self.place = place
        child = try place.start(
            ["run", "--name", "live"] + options + ["--", "/bin/sh", "-c", FetchingSandbox.script], input: input)
        guard try child.waitForOutput("started") else { throw TestSupportError("\(child.outputText)\(child.errorText)") }
    }

    /// The status code of a request; nil when none came.
    func fetch(_ url: String) throws -> String? {
        let before = child.outputText.split(separator: "\n").filter { $0.hasPrefix(url + " ") }.count
        try child.send(url + "\n")
        var answer: String?
        try child.waitUntil { child in
            let lines = child.outputText.split(separator: "\n").filter { $0.hasPrefix(url + " ") }
            answer = lines.count > before ? lines.last.map { String($0.dropFirst(url.utf8.count + 1)) } : nil
            return answer != nil
        }
        return answer
    }

    /// Asks until the answer is the wanted one: a change that another program makes is noticed soon, not at once.
    func fetch(_ url: String, until wanted: String) throws -> String? {
        var answer: String?
        try Deadline.poll(seconds: 60) {
            answer = try fetch(url)
            return answer == wanted
        }
        return answer
    }

    func end() throws -> ChildProcess.Outcome {
        child.closeInput()
        return try child.wait()
    }
}

@Suite struct LiveControlTests {
    private func place(_ identity: TestIdentity, _ upstream: Upstream) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.configure(FetchingSandbox.hosts(upstream))
        return place
    }

    @Test("coop allow and coop deny take effect at once, and are recorded", arguments: TestIdentity.all)
    func allowAndDeny(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream)
        let sandbox = try FetchingSandbox(place)
        #expect(try sandbox.fetch("http://plain.example.com/a") == "403")
        // The refusal names the command that is then given.
        let page = try place.text("body")
        #expect(page.contains("Next: coop allow plain.example.com --session "), "\(page)")
        let allowed = try place.coop(["allow", "plain.example.com"])
        #expect(allowed.exitCode == 0 && allowed.output == "allow plain.example.com: in force in live\n", "\(allowed)")
        #expect(try sandbox.fetch("http://plain.example.com/b") == "200")
        #expect(try sandbox.fetch("http://second.example.com/c") == "403")
        let status = try place.coop(["net", "status", "live"])
        #expect(status.output.contains("allow plain.example.com") && status.output.contains(", 2 refused"), "\(status)")
        let why = try place.coop(["why", "plain.example.com"])
        #expect(why.output.contains("in the live sandbox live: allowed: allow plain.example.com (coop allow)"), "\(why)")
        #expect(try place.coop(["deny", "plain.example.com", "--session", "live", "--json"]).output.contains("\"action\" : \"deny\""))
        #expect(try sandbox.fetch("http://plain.example.com/d") == "403")
        let outcome = try sandbox.end()
        #expect(outcome.exitCode == 0, "\(outcome)")
        let log = try place.coop(["audit", "show", "--type", "policy", "--json"])
        #expect(log.output.contains("allow plain.example.com") && log.output.contains("deny plain.example.com"), "\(log)")
        #expect(try upstream.requests() == ["plain GET /b plain.example.com"])
        #expect(try place.coop(["audit", "verify"]).exitCode == 0)
    }

    @Test("a connection that is open is cut off by a denial")
    func cutsOff() throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        let child = try place.start(
            [
                "run", "--name", "live", "--allow", "echo.example.com:7000", "--", "/usr/bin/python3", "-c",
                """
                import socket
                s = socket.create_connection(("echo.example.com", 7000), 60); s.sendall(b"hello"); print(s.recv(5), flush=True)
                try: print("cut off" if not s.recv(1) else "data", flush=True)
                except TimeoutError: print("still open", flush=True)
                except OSError: print("cut off", flush=True)
                """,
            ])
        #expect(try child.waitForOutput("b'hello'"))
        #expect(try place.coop(["deny", "echo.example.com"]).exitCode == 0)
        let outcome = try child.wait(timeout: 120)
        #expect(outcome.output == "b'hello'\ncut off\n" && !outcome.timedOut, "\(outcome)")
    }

    @Test("a rule that does not parse leaves the old rules in force")
    func badRule() throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        let sandbox = try FetchingSandbox(place)
        for bad in ["*", "https://plain.example.com/", "10.0.0.1", "a b"] {
            let outcome = try place.coop(["allow", "plain.example.com", bad])
            #expect(outcome.exitCode == 2 && outcome.output.isEmpty && outcome.error.contains("Next: "), "\(outcome)")
        }
        #expect(try sandbox.fetch("http://plain.example.com/") == "403")
        #expect(try sandbox.end().exitCode == 0)
        #expect(try upstream.requests().isEmpty)
    }

    @Test("a denial of the configuration is stronger than coop allow, and that is said")
    func refusedAllTheSame() throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        let sandbox = try FetchingSandbox(place, options: ["--deny", "plain.example.com"])
        let outcome = try place.coop(["allow", "plain.example.com"])
        #expect(outcome.exitCode == 1 && outcome.error.contains("stays refused") && outcome.error.contains("(--deny)"), "\(outcome)")
        #expect(try sandbox.fetch("http://plain.example.com/") == "403")
        #expect(try sandbox.end().exitCode == 0)
    }

    @Test("without a live sandbox nothing is changed but what is to be kept; without a gateway nothing can be")
    func nobody() throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        let outcome = try place.coop(["allow", "plain.example.com"])
        #expect(outcome.exitCode == 1 && outcome.error.contains("Next: coop allow --save plain.example.com"), "\(outcome)")
        #expect(try !place.coop(["policy", "show"]).output.contains("allow plain"))
        #expect(try place.coop(["allow", "--save", "plain.example.com"]).exitCode == 0)
        #expect(try place.coop(["policy", "show"]).output.contains("allow plain.example.com"))
        let sandbox = try FetchingSandbox(place, options: ["--network", "none"])
        let refused = try place.coop(["allow", "second.example.com"])
        #expect(refused.exitCode == 4 && refused.error.contains("it was started with `--network none`"), "\(refused)")
        #expect(try place.coop(["net", "status"]).output.contains("network none"))
        _ = try sandbox.end()
    }
}
