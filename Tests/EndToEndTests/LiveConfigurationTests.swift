import Glibc
import LinuxKernel
import TestSupport
import Testing

/// One ordinary identity, where all of them would show the same.
private let anyone = TestIdentity.ordinary.first ?? .root

/// Edits of the configuration files while a sandbox runs.
@Suite struct LiveConfigurationTests {
    private static let url = "http://plain.example.com/x"

    @Test("an edit of the user's own configuration takes effect at once", arguments: TestIdentity.all)
    func user(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try Sandboxed(identity)
        let hosts = FetchingSandbox.hosts(upstream)
        try place.configure(hosts)
        let sandbox = try FetchingSandbox(place)
        #expect(try sandbox.fetch(Self.url) == "403")
        try place.configure("[network]\nallow = [\"plain.example.com\"]\n" + hosts)
        #expect(try sandbox.fetch(Self.url, until: "200") == "200")
        // What was said for this session stays through all of it.
        #expect(try place.coop(["allow", "second.example.com"]).exitCode == 0)
        try place.configure("[network]\nmode = \"scoped\"\n" + hosts)
        #expect(try sandbox.fetch(Self.url, until: "403") == "403")
        #expect(try sandbox.fetch("http://second.example.com/y") == "200")
        // A mistake leaves the rules as they are, and is said with its place.
        try place.configure("[network]\nallow = [\"plain.example.com\", 7]\n" + hosts)
        #expect(try sandbox.child.waitUntil { $0.errorText.contains("config.toml:2:") }, "\(sandbox.child.errorText)")
        #expect(try sandbox.fetch(Self.url) == "403")
        let outcome = try sandbox.end()
        #expect(outcome.error.contains("the rules of the running sandbox stay as they are"), "\(outcome)")
        let log = try place.coop(["audit", "show", "--type", "policy", "--json"])
        #expect(log.output.contains("reloaded") && log.output.contains("allow plain.example.com"), "\(log)")
        #expect(try place.coop(["audit", "verify"]).exitCode == 0)
    }

    @Test("an edit between the reading of the files and the watching of them is not missed", arguments: ["config.toml", "coop.toml"])
    func early(_ file: String) throws {
        let upstream = try Upstream()
        let place = try Sandboxed(anyone)
        let hosts = FetchingSandbox.hosts(upstream)
        try place.configure("[network]\nallow = [\"plain.example.com\"]\n" + hosts)
        place.environment["COOP_TEST_STOP_AT"] = "configuration"
        let child = try place.start(
            ["run", "--", "/bin/sh", "-c", "read x; until curl -sS --noproxy '*' -m 5 \(Self.url) | grep coop:; do sleep 0.2; done"],
            input: .pipe)
        #expect(Deadline.poll(seconds: 60) { Sandboxed.state(of: child.pid) == "T" })
        if file == "coop.toml" {
            try place.write("coop.toml", "name = \"x\"\n[network]\ndeny = [\"plain.example.com\"]\n")
        } else {
            try place.configure(hosts)
        }
        kill(child.pid, SIGCONT)
        try child.send("go\n")
        let outcome = try child.wait(timeout: 120)
        #expect(outcome.exitCode == 0 && outcome.output.contains("plain.example.com"), "\(outcome)")
    }

    @Test("an edit of the repository's file can only narrow, until it is approved", arguments: TestIdentity.all)
    func repository(_ identity: TestIdentity) throws {
        let upstream = try Upstream()
        let place = try Sandboxed(identity)
        try place.configure(FetchingSandbox.hosts(upstream))
        let sandbox = try FetchingSandbox(place)
        #expect(try sandbox.fetch(Self.url) == "403")
        // It did not exist before.
        try place.write("coop.toml", "name = \"x\"\n[network]\nallow = [\"plain.example.com\"]\n")
        #expect(try sandbox.child.waitUntil { $0.errorText.contains("until `coop trust`") }, "\(sandbox.child.errorText)")
        #expect(try sandbox.fetch(Self.url) == "403")
        #expect(try place.coop(["trust", "--yes"]).exitCode == 0)
        #expect(try sandbox.fetch(Self.url, until: "200") == "200")
        // More of it is not approved: what it adds does not count, what it denies does.
        try place.write(
            "coop.toml",
            "name = \"x\"\n[network]\nallow = [\"plain.example.com\", \"second.example.com\"]\ndeny = [\"plain.example.com\"]\n")
        #expect(try sandbox.fetch(Self.url, until: "403") == "403")
        #expect(try sandbox.fetch("http://second.example.com/y") == "403")
        // What takes away needs no approval either.
        try place.write("coop.toml", "name = \"x\"\n[network]\nallow = [\"plain.example.com\"]\n")
        #expect(try sandbox.fetch(Self.url, until: "200") == "200")
        try place.write("coop.local.toml", "[network]\nmode = \"none\"\nallow = [\"second.example.com\"]\n")
        #expect(try sandbox.fetch(Self.url, until: "403") == "403")
        #expect(try place.coop(["trust", "--revoke"]).exitCode == 0)
        #expect(try sandbox.end().exitCode == 0)
    }

    @Test("an approval that is taken back no longer counts")
    func revoked() throws {
        let upstream = try Upstream()
        let place = try Sandboxed(anyone)
        try place.configure(FetchingSandbox.hosts(upstream))
        try place.write("coop.toml", "name = \"x\"\n[network]\nallow = [\"plain.example.com\"]\n")
        #expect(try place.coop(["trust", "--yes"]).exitCode == 0)
        let sandbox = try FetchingSandbox(place)
        #expect(try sandbox.fetch(Self.url) == "200")
        #expect(try place.coop(["trust", "--revoke"]).exitCode == 0)
        #expect(try sandbox.fetch(Self.url, until: "403") == "403")
        #expect(try sandbox.end().exitCode == 0)
    }
}
