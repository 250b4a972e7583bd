import Glibc
import LinuxKernel
import TestSupport
import Testing

/// One ordinary identity, where all of them would show the same.
private let anyone = TestIdentity.ordinary.first ?? .root

/// What a rule leaves to the person at the terminal.
@Suite struct AskTests {
    /// Whether curl(1) has said that what is asked about is sent: a request, or the beginning of TLS.
    private static func hasAsked(_ place: Sandboxed, _ name: String) throws -> Bool {
        guard place.exists(name) else { return false }
        let said = try place.text(name)
        return said.contains("\n> GET /") || said.contains("Client hello")
    }

    private static let screen = ChildProcess.Input.terminal(rows: 24, columns: 160)
    /// `fetch NAME` prints `<NAME CODE>`.
    private static let fetch =
        "fetch() { echo \"<$1 $(curl -sS --noproxy '*' -m 120 -o /dev/null -w '%{http_code}' http://$1.example.com/$2)>\"; }; "

    private func place(_ identity: TestIdentity, _ upstream: Upstream, _ further: String = "") throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.configure(FetchingSandbox.hosts(upstream) + "\n" + further)
        return place
    }

    private func run(_ place: Sandboxed, _ script: String, options: [String] = ["--ask"]) throws -> ChildProcess {
        try place.start(["run"] + options + ["--", "/bin/bash", "-c", AskTests.fetch + script], input: AskTests.screen)
    }

    @Test("a host without a rule is asked about at the terminal, and each answer holds as long as it says", arguments: TestIdentity.all)
    func answers(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try place(identity, upstream)
        let child = try run(
            place, "fetch plain 1; fetch plain 2; fetch plain 3; fetch second 4; read line; echo \"line: $line\"; fetch second 5; echo over"
        )
        let asked = "coop: bash wants to reach plain.example.com:80 (GET /"
        #expect(try child.waitForOutput(asked + "1) — allow? [o]nce, [s]ession, [a]lways, [n]o "), "\(child.outputText)")
        // What is no answer is asked again.
        try child.send("x\r")
        #expect(try child.waitForOutput("[a]lways or [n]o?"), "\(child.outputText)")
        try child.send("o\r")
        #expect(try child.waitForOutput("<plain 200>"), "\(child.outputText)")
        #expect(try child.waitForOutput(asked + "2)"), "once is once: \(child.outputText)")
        try child.send("session\r")
        #expect(try child.waitForOutput("second.example.com:80 (GET /4)"), "\(child.outputText)")
        #expect(!child.outputText.contains(asked + "3)"), "\(child.outputText)")
        try child.send("n\r")
        #expect(try child.waitForOutput("<second 403>"), "\(child.outputText)")
        // The keyboard is the command's again.
        try child.send("mine\r")
        #expect(try child.waitForOutput("line: mine"), "\(child.outputText)")
        #expect(try child.waitForOutput("(GET /5)"), "\(child.outputText)")
        try child.send("always\r")
        #expect(try child.waitForOutput("<second 200>"), "\(child.outputText)")
        let outcome = try child.wait()
        #expect(outcome.exitCode == 0 && outcome.output.contains("over"), "\(outcome)")
        // For this session, and for every one.
        let kept = try place.coop(["policy", "show"])
        #expect(kept.output.contains("allow second.example.com") && !kept.output.contains("allow plain.example.com"), "\(kept)")
        let log = try place.coop(["audit", "show", "-n", "100", "--json"])
        for answer in ["\"once\"", "\"session\"", "\"no\"", "\"always\""] { #expect(log.output.contains(answer), "\(answer): \(log)") }
        #expect(try upstream.requests().count == 4)
        #expect(try place.coop(["audit", "verify"]).exitCode == 0)
    }

    @Test("a rule that asks waits for the answer; others go on meanwhile, and the same host is asked about once")
    func waits() throws {
        let upstream = try Upstream()
        let place = try place(
            anyone, upstream,
            """
            [[network.rules]]
            host = "*.example.com"
            action = "ask"
            """)
        let child = try run(
            place, "fetch plain 1 & fetch plain 2 & until [ -e go ]; do sleep 0.05; done; fetch second 3; touch done; wait; echo over",
            options: ["--allow", "second.example.com"])
        #expect(try child.waitForOutput("wants to reach plain.example.com:80"), "\(child.outputText)")
        try place.write("go", "")
        // What the user allows by name is not asked about.
        #expect(try child.waitForOutput("<second 200>"), "\(child.outputText)")
        try child.send("o\r")
        let outcome = try child.wait()
        #expect(outcome.output.components("<plain 200>") == 2 && outcome.output.components("wants to reach") == 1, "\(outcome)")
    }

    @Test("a question that nobody waits for any more is taken back, and the keyboard is the command's again", arguments: ["https", "http"])
    func withdrawn(_ scheme: String) throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        let child = try run(
            place,
            """
            curl -sv --noproxy '*' \(scheme)://plain.example.com/1 2>plain & one=$!
            curl -sv --noproxy '*' \(scheme)://second.example.com/2 2>second & two=$!
            until [ -e go ]; do sleep 0.05; done; kill $one $two; wait
            echo gave up; read line; echo "line: $line"; fetch plain 3
            """)
        #expect(try child.waitForOutput("wants to reach"), "\(child.outputText)")
        // Both have asked: the one is asked about, the other waits for its turn.
        #expect(try Deadline.poll(seconds: 60) { try Self.hasAsked(place, "plain") && Self.hasAsked(place, "second") })
        try place.write("go", "")
        #expect(try child.waitForOutput("gave up"), "\(child.outputText)")
        // In clear text the end of a client's words need not be its own: that it is gone the kernel finds out after a minute.
        #expect(try child.waitUntil(timeout: 240) { $0.outputText.components("no answer") >= 1 }, "\(child.outputText)")
        #expect(
            try Deadline.poll(seconds: 120) {
                try place.coop(["audit", "show", "--json"]).output.components("\"withdrawn\"") == 2
            })
        // What is typed while a question is open would be its answer.
        #expect(
            try child.waitUntil { $0.outputText.components("no answer") == $0.outputText.components("wants to reach") },
            "\(child.outputText)")
        try child.send("mine\r")
        #expect(try child.waitForOutput("line: mine"), "\(child.outputText)")
        #expect(try child.waitForOutput("(GET /3)"), "\(child.outputText)")
        try child.send("o\r")
        #expect(try child.wait().output.contains("<plain 200>"))
        #expect(try upstream.requests().count == 1)
    }

    @Test("a stream of HTTP/2 that is reset takes its question back; its connection goes on")
    func reset() throws {
        let upstream = try Upstream()
        let place = try place(
            anyone, upstream,
            """
            [[network.rules]]
            host = "plain.example.com"
            methods = ["GET"]
            action = "ask"
            """)
        try place.write(
            "client.js",
            """
            const fs = require("fs"), session = require("http2").connect("https://plain.example.com");
            session.on("error", () => {});
            function ask(path, then) {
              const stream = session.request({ ":path": path });
              stream.on("error", () => {});
              stream.on("response", (fields) => console.log("status", fields[":status"]));
              stream.on("close", then);
              stream.resume();
              return stream;
            }
            const first = ask("/1", () => {});
            const timer = setInterval(() => {
              if (!fs.existsSync("go")) return;
              clearInterval(timer);
              first.close(8);
              const next = setInterval(() => {
                if (!fs.existsSync("on")) return;
                clearInterval(next);
                ask("/2", () => session.close());
              }, 50);
            }, 50);
            """)
        let child = try run(place, "node client.js; echo over", options: [])
        #expect(try child.waitForOutput("wants to reach plain.example.com:443 (GET /1)"), "\(child.outputText)")
        try place.write("go", "")
        #expect(try child.waitForOutput("no answer"), "\(child.outputText)")
        // Recorded after it was told.
        #expect(
            try Deadline.poll(seconds: 60) {
                try place.coop(["audit", "show", "--json"]).output.components("\"withdrawn\"") == 1
            })
        try place.write("on", "")
        #expect(try child.waitForOutput("(GET /2)"), "\(child.outputText)")
        try child.send("n\r")
        let outcome = try child.wait()
        #expect(outcome.output.contains("status 403") && outcome.output.contains("over"), "\(outcome)")
        #expect(try upstream.requests().isEmpty)
    }

    @Test("where nobody can be asked it is refused with that reason", arguments: [true, false])
    func nobody(_ hasTerminal: Bool) throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        let outcome = try place.coop(
            ["run", "--ask"] + (hasTerminal ? ["--no-input"] : []) + ["--", "/bin/bash", "-c", AskTests.fetch + "fetch plain 1"],
            input: hasTerminal ? AskTests.screen : .null)
        #expect(outcome.output.contains("<plain 403>"), "\(outcome)")
        #expect((outcome.output + outcome.error).contains("nobody at a terminal has answered"), "\(outcome)")
        #expect(try upstream.requests().isEmpty)
    }

    @Test("the terminal of a full-screen program gets its modes back")
    func modes() throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        let child = try run(place, "stty -icanon -echo; fetch plain 1; head -c 2 | od -An -tx1; stty sane")
        #expect(try child.waitForOutput("[n]o "), "\(child.outputText)")
        try child.send("s\r")
        #expect(try child.waitForOutput("<plain 200>"), "\(child.outputText)")
        try child.send("\u{1}\u{2}")
        let outcome = try child.wait()
        #expect(outcome.output.contains("01 02") && outcome.exitCode == 0, "\(outcome)")
    }

    @Test("a kept sandbox asks whoever is in it")
    func kept() throws {
        let upstream = try Upstream()
        let place = try place(anyone, upstream)
        let first = try place.coop(["run", "--keep", "--ask", "--name", "live", "--", "true"])
        #expect(first.exitCode == 0, "\(first)")
        let child = try place.start(["exec", "live", "--", "/bin/bash", "-c", AskTests.fetch + "fetch plain 1"], input: AskTests.screen)
        #expect(try child.waitForOutput("[n]o "), "\(child.outputText)")
        try child.send("o\r")
        #expect(try child.wait().output.contains("<plain 200>"), "\(child.outputText)")
        // Each command says what was refused meanwhile, with the command that changes it for this sandbox.
        let refused = try place.coop(["exec", "live", "--", "/bin/bash", "-c", AskTests.fetch + "fetch second 2"])
        #expect(
            refused.output.contains("<second 403>") && refused.error.contains("coop: refused second.example.com")
                && refused.error.contains("Next: coop allow second.example.com --session"), "\(refused)")
        let again = try place.coop(["exec", "live", "--", "true"])
        #expect(again.exitCode == 0 && again.error.isEmpty, "\(again)")
        #expect(try place.coop(["stop", "live"]).exitCode == 0)
    }
}

extension String {
    /// How often a text stands in it.
    fileprivate func components(_ text: String) -> Int { ranges(of: text).count }
}
