import Glibc
import LinuxKernel
import TestSupport
import Testing

/// How a person is told what a session does.
@Suite struct NotificationTests {
    /// Writes a line a notification into a file of the home.
    private static let hook =
        #"printf '%s|%s|%s|%s|%s|%s\n' "$COOP_SESSION_ID" "$COOP_SESSION_NAME" "$COOP_SESSION_STATE" "$COOP_SESSION_REASON" "#
        + #""$COOP_SESSION_WORKSPACE" "$(pwd) $(ls "$COOP_HOME/run" | wc -l)" >> "$HOME/told""#

    private func told(_ place: Sandboxed) -> [String] {
        ((try? place.text("../home/told")) ?? "").split(separator: "\n").map(String.init)
    }

    private func configure(_ place: Sandboxed, _ lines: String) throws { try place.configure("[notify]\n\(lines)\n") }

    @Test("a command is told of attention and of the end, by variables that hold what the sandbox says", arguments: TestIdentity.all)
    func command(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try configure(place, "command = '''\(Self.hook)'''")
        let text = #"$(touch "$HOME/pwned")`touch pwned`"'|"#
        let script = #"printf 'ask \007'; read x; printf '\033]9;%s\tx\007' "$1"; read x; exit 3"#
        let session = try HostedSession(place, ["--name", "one"], command: ["sh", "-c", script, "sh", text])
        let beginning = "\(session.id)|one|"
        #expect(Deadline.poll(seconds: 60) { told(place).count == 1 })
        _ = try place.coop(["send", "one", "x"])
        #expect(Deadline.poll(seconds: 60) { told(place).count == 2 })
        _ = try place.coop(["send", "one", "x"])
        #expect(try session.reaches("exited (3)"))
        #expect(Deadline.poll(seconds: 60) { told(place).count == 3 })
        let lines = told(place)
        let rest = "|\(place.project)|\(place.home) "
        #expect(lines.count == 3 && lines[0] == beginning + "attention|bell" + rest + "1", "\(lines)")
        #expect(lines.count == 3 && lines[1] == beginning + "attention|\(text)x" + rest + "1", "\(lines)")
        // The end is told when everything is cleared away.
        #expect(lines.count == 3 && lines[2] == beginning + "exited|exit code 3" + rest + "0", "\(lines)")
        #expect(!place.exists("../home/pwned") && !place.exists("pwned"))
        let said = (try? log(session)) ?? ""
        #expect(!said.contains("cannot notify"), "\(said)")
        #expect(try place.remains() == [])
    }

    private func log(_ session: HostedSession) throws -> String {
        String(osBytes: try FileSystem.read(try session.directory + "/coop.log"))
    }

    @Test("only of what is asked for: idle, and not the end")
    func chosen() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        try configure(place, "command = '''\(Self.hook)'''\non = [\"idle\"]")
        let session = try HostedSession(place, command: ["sh", "-c", "read x"])
        #expect(Deadline.poll(seconds: 60) { told(place).count == 1 })
        try session.stop()
        #expect(try place.remains() == [])
        #expect(told(place).map { $0.contains("|idle||") } == [true])
    }

    @Test("an agent that coop run supervises itself tells of its end", arguments: TestIdentity.ordinary)
    func foreground(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        place.environment["COOP_NOTIFY_COMMAND"] = Self.hook
        try place.write("../home/.local/bin/claude", "#!/bin/sh\nread x\n", mode: 0o755)
        let coop = try place.start(["run", "--network", "none", "claude"], input: .pipe)
        // What is over within a second leaves no log, and nobody is told.
        #expect(
            try Deadline.poll(seconds: 60) {
                try place.hostShell("ls \"$COOP_HOME\"/projects/*/sessions/*/summary").exitCode == 0
            })
        coop.closeInput()
        #expect(try coop.wait().exitCode != 125)
        #expect(Deadline.poll(seconds: 60) { told(place).count == 1 })
        #expect(told(place).allSatisfy { $0.contains("|exited|exit code ") }, "\(told(place))")
    }

    @Test("a repository cannot have it", arguments: ["coop.toml", "coop.local.toml"], ["command", "webhook", "desktop", "on"])
    func repository(_ file: String, _ key: String) throws {
        let place = try Sandboxed(TestIdentity.ordinary.first ?? .root)
        let value = ["command": "'touch ~/told'", "webhook": "'https://example.com/'", "desktop": "true", "on": "['idle']"][key] ?? ""
        try place.write("coop.toml", "name = 'x'\n" + (file == "coop.toml" ? "[notify]\n\(key) = \(value)\n" : ""))
        if file != "coop.toml" { try place.write(file, "[notify]\n\(key) = \(value)\n") }
        for command in [["run", "-d", "--", "true"], ["trust"]] {
            let outcome = try place.coop(command)
            #expect(outcome.exitCode != 0 && outcome.error.contains("`notify.\(key)` belongs into your own configuration"), "\(outcome)")
        }
        #expect(told(place).isEmpty)
        // Nor can it be written there by mistake.
        try place.write("coop.toml", "name = 'x'\n")
        try FileSystem.removeTree(place("coop.local.toml"))
        let given = ["command": "x", "webhook": "https://example.com/", "desktop": "true", "on": "idle"][key] ?? ""
        let local = file == "coop.toml" ? [] : ["--local"]
        #expect(try place.coop(["config", "set"] + local + ["notify.\(key)", given]).exitCode == 3)
        #expect(try place.coop(["config", "set", "--user", "notify.\(key)", given]).exitCode == 0)
        #expect(try place.coop(["config", "get", "notify.\(key)"]).output == given + "\n")
    }

    @Test("a command that hangs holds nothing up, is ended at its limit, and is complained of once", arguments: TestIdentity.all)
    func hangs(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        place.environment["COOP_TEST_NOTIFY_LIMIT"] = "3"
        try configure(place, "command = 'echo told >> ~/told; sleep 1000 & wait'")
        let session = try HostedSession(place, command: ["sh", "-c", #"printf '\007'; read x; printf '\007'; read x"#])
        #expect(Deadline.poll(seconds: 60) { told(place).count == 1 })
        for _ in 1...2 { _ = try place.coop(["send", "--when-idle", session.id, "x"]) }
        #expect(try session.reaches("exited (0)"))
        #expect(Deadline.poll(seconds: 60) { told(place).count >= 2 })
        #expect(try Deadline.poll(seconds: 60) { try place.processes().isEmpty }, "\((try? place.processes()) ?? [])")
        let complaints = try log(session).split(separator: "\n").filter { $0.contains("cannot notify") }
        #expect(complaints == ["coop: cannot notify by `notify.command`: it did not end within 3 seconds"])
    }

    @Test("a webhook is posted to, in the clear on this machine and by TLS to a name", arguments: TestIdentity.all)
    func webhook(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let server = try ChildProcess(["/usr/bin/python3", "-c", Self.server], input: .pipe)
        defer { server.signal(SIGKILL) }
        #expect(try server.waitForOutput("\n"))
        let port = server.outputText.split(separator: "\n").first ?? ""
        try configure(place, "webhook = 'http://127.0.0.1:\(port)/hook?key=v'\non = ['attention', 'exited']")
        let session = try HostedSession(place, ["--name", "one"], command: ["sh", "-c", #"printf '\033]9;"a\\b"\007'; read x"#])
        #expect(try server.waitForOutput("\"attention\"", timeout: 60), "\(server.outputText) \(server.errorText)")
        _ = try place.coop(["send", "one", "x"])
        #expect(try server.waitForOutput("\"exited\"", timeout: 60), "\(server.outputText)")
        let common = #""workspace": "\#(place.project)", "agent": null}"#
        #expect(
            server.outputText.contains(
                #"POST /hook?key=v application/json {"version": 1, "session": "\#(session.id)", "name": "one", "state": "attention", "#
                    + #""reason": "\"a\\b\"", "# + common), "\(server.outputText)")
        #expect(server.outputText.contains(#""state": "exited", "reason": "exit code 0", "# + common), "\(server.outputText)")
        #expect(try session.reaches("exited"))

        let upstream = try Upstream()
        try place.configure(
            """
            [notify]
            webhook = "https://api.example.com/hook"
            [network]
            ca = ["\(upstream.directory)/ca.pem"]
            hosts = { "api.example.com" = "127.0.0.1:\(upstream.secure)" }
            """)
        _ = try HostedSession(place, command: ["true"])
        #expect(
            try Deadline.poll(seconds: 60) {
                (try? FileSystem.read(upstream.directory + "/requests")).map { String(osBytes: $0) }?.contains("POST /hook") ?? false
            })
    }

    @Test("a server that refuses, and none at all, are said once and change nothing")
    func refusing() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        let server = try ChildProcess(["/usr/bin/python3", "-c", Self.server], input: .pipe)
        #expect(try server.waitForOutput("\n"))
        let port = server.outputText.split(separator: "\n").first ?? ""
        for (path, why) in [("/fail", "the server answers with 500"), ("/", "")] {
            if path == "/" {
                server.signal(SIGKILL)
                _ = try server.wait()
            }
            try configure(place, "webhook = 'http://localhost:\(port)\(path)'")
            let session = try HostedSession(place, command: ["sh", "-c", "exit 4"])
            #expect(try session.reaches("exited (4)"))
            #expect(Deadline.poll(seconds: 60) { ((try? log(session)) ?? "").contains("cannot notify by `notify.webhook`: \(why)") })
        }
    }

    /// Prints its port, then what it receives without the time.
    private static let server = """
        import http.server, json, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert body.pop("at").endswith("Z")
                print("POST", self.path, self.headers["content-type"], json.dumps(body), flush=True)
                self.send_response(500 if self.path == "/fail" else 204)
                self.end_headers()
            def log_message(self, *arguments): pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()
        """

    @Test("the desktop is told over the session bus", arguments: TestIdentity.ordinary)
    func desktop(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let bus = try ChildProcess(
            identity.arguments(["/usr/bin/python3", "-c", Self.bus, place.root + "/bus"]), environment: place.environment, input: .pipe)
        defer { bus.signal(SIGKILL) }
        #expect(try bus.waitForOutput("ready"))
        place.environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=\(place.root)/bus,guid=0"
        try configure(place, "desktop = true")
        let session = try HostedSession(place, ["--name", "one"], command: ["sh", "-c", #"printf '\033]9;<b>x & y\007'; read x"#])
        #expect(try bus.waitForOutput("one needs you", timeout: 60))
        #expect(try bus.waitForOutput("&#60;b&#62;x &#38; y\\n" + place.project), "\(bus.outputText)")
        try session.stop()
        #expect(try bus.waitForOutput("one has ended", timeout: 60))
    }

    /// A session bus that answers every call number 2 with success, and prints its text.
    private static let bus = #"""
        import socket, struct, sys
        server = socket.socket(socket.AF_UNIX)
        server.bind(sys.argv[1])
        server.listen(5)
        print("ready", flush=True)
        fields = b"\x05\x01u\x00" + struct.pack("<I", 2) + b"\x08\x01g\x00\x01u\x00"
        answer = struct.pack("<cBBBIII", b"l", 2, 1, 1, 4, 1, len(fields)) + fields + b"\x00" + struct.pack("<I", 1)
        while True:
            client, _ = server.accept()
            data = b""
            while b"susssasa{sv}i" not in data or not data.endswith(b"\xff\xff\xff\xff"):
                data += client.recv(65536)
            print("".join(chr(byte) if 32 <= byte < 127 else "\\n" if byte == 10 else "." for byte in data), flush=True)
            client.sendall(b"OK 0123\r\n" + answer)
            client.recv(1)
        """#
}
