import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.first ?? .root

/// Logins that coop keeps: made by the agent's own command in a sandbox, used by stubs.
@Suite struct AuthTests {
    @Test("an agent logs in in a sandbox of its own, the browser comes back, and runs have stubs", arguments: TestIdentity.all)
    func login(_ identity: TestIdentity) throws {
        let host = try LoginProgram(identity)
        let outcome = try host.logIn()
        #expect(outcome.exitCode == 0 && outcome.output.contains("DONE 200"), "\(outcome)")
        #expect(outcome.error.contains("coop: sample is logged in as me@example.com (profile default)"), "\(outcome)")
        // It saw nothing of the project and of the home.
        #expect(outcome.output.contains("/workspace\n") && !outcome.output.contains(".cache"), "\(outcome)")
        #expect(try host.text(host.kept()).contains("REAL-access-1"))
        #expect(try (FileSystem.status(host.kept())?.st_mode ?? 0) & 0o777 == 0o600)
        #expect(try host.place.remains() == [])
        let used = try host.run(["file", "api"])
        #expect(used.output.contains("CoopStub") && used.output.contains("\"ok\": true"), "\(used)")
        #expect(used.error.contains("your login `default` as a stub"), "\(used)")
        #expect(!used.output.contains("REAL-access-1") && !used.output.contains("REAL-refresh-1"), "\(used)")
        let found = try ChildProcess.run(["grep", "-rlF", "REAL-", host.place.coopHome])
        #expect(found.output == host.kept() + "\n", "nothing real is anywhere else: \(found)")
        #expect(try host.place.coop(["audit", "show", "--json"]).output.contains("auth.coop-test.example"))
    }

    @Test("it reaches what the login needs and nothing else; any program that opens a browser will do")
    func reach() throws {
        let host = try LoginProgram(anyone)
        try host.place.configure(host.server.configuration("allow = [\"other.coop-test.example\"]"))
        let process = try host.place.start(["auth", "login", "--agent", "sample", "--", "me", "elsewhere", "xdg"], input: .pipe)
        #expect(try process.waitUntil { $0.errorText.contains("/authorize?") })
        let address = try #require(process.errorText.split(separator: "\n").first { $0.hasPrefix("https://auth.") })
        #expect(try host.browse(String(address)) == "logged in")
        let outcome = try process.wait()
        #expect(outcome.exitCode == 0 && outcome.output.contains("mcp <urlopen error Tunnel connection failed: 403"), "\(outcome)")
        #expect(outcome.output.contains("other <urlopen error Tunnel connection failed: 403"), "\(outcome)")
        #expect(try !host.server.received.contains("other.coop-test.example") && !host.server.received.contains("mcp.coop-test"))
        // The port is free again.
        #expect(try host.browse(String(address)) != "logged in")
    }

    @Test("what it asks to be opened is shown only when it is harmless, and a link in place of the file is not followed")
    func hostile() throws {
        let host = try LoginProgram(anyone)
        func listening(_ port: Int) throws -> Int {
            try ChildProcess.run(["/usr/bin/env", "ss", "-Hltnp"]).output.ranges(of: ":\(port) ").count
        }
        let before = (try listening(80), try listening(4711))
        let process = try host.place.start(["auth", "login", "--agent", "sample", "--", "me", "hostile", "link"], input: .pipe)
        #expect(try process.waitUntil { $0.errorText.contains("/authorize?") })
        let shown = process.errorText
        #expect(!shown.contains("\u{1B}") && !shown.contains("passwd") && !shown.contains("port 80") && !shown.contains("aaaa"), "\(shown)")
        #expect(try listening(80) <= before.0 && listening(4711) <= before.1)
        let address = try #require(shown.split(separator: "\n").first { $0.hasPrefix("https://auth.") })
        #expect(try host.browse(String(address)) == "logged in")
        let outcome = try process.wait()
        #expect(outcome.exitCode == 1 && outcome.error.contains("has not logged in"), "\(outcome)")
        #expect(FileSystem.kind(host.kept()) == nil)
    }

    @Test("a login that comes to nothing leaves nothing, and takes nothing away")
    func nothing() throws {
        let host = try LoginProgram(anyone)
        #expect(try host.logIn().exitCode == 0)
        let before = try host.text(host.kept())
        let outcome = try host.place.coop(["auth", "login", "--agent", "sample", "--", "me", "nothing"])
        #expect(outcome.exitCode == 1 && outcome.error.contains("Next: coop auth login --agent sample"), "\(outcome)")
        #expect(try host.text(host.kept()) == before && host.place.remains() == [])
        // Killed in the middle: the next command clears away what the agent had written.
        let process = try host.place.start(["auth", "login", "--agent", "sample", "--", "me"], input: .pipe)
        #expect(try process.waitUntil { $0.errorText.contains("/authorize?") })
        process.signal(SIGKILL)
        _ = try process.wait()
        #expect(try host.place.coop(["ps"]).exitCode == 0)
        #expect(try host.place.remains() == [])
    }

    @Test("who cannot be logged in is told what else there is")
    func refused() throws {
        let host = try LoginProgram(anyone)
        let gemini = try host.place.coop(["auth", "login", "--agent", "gemini"])
        #expect(gemini.exitCode == 2 && gemini.error.contains("Next: coop secret add GEMINI_API_KEY --provider google"), "\(gemini)")
        let unknown = try host.place.coop(["auth", "login", "--agent", "sampel"])
        #expect(unknown.exitCode == 1 && unknown.error.contains("did you mean `sample`?"), "\(unknown)")
        #expect(try host.place.coop(["auth", "login"]).exitCode == 2)
        #expect(try host.place.coop(["auth", "login", "--agent", "sample", "--profile", "host"]).exitCode == 2)
        #expect(try host.place.coop(["auth", "login", "--agent", "sample", "--profile", "../x"]).exitCode == 2)
    }

    @Test("logins are listed with where they come from, and forgotten")
    func list() throws {
        let host = try LoginProgram(anyone)
        #expect(try host.logIn().exitCode == 0)
        try host.place.write("../home/.claude/.credentials.json", "{\"claudeAiOauth\": {\"accessToken\": \"REAL-x\"}}", mode: 0o600)
        let listed = try host.place.coop(["auth", "list", "--json"]).output.filter { $0 != " " && $0 != "\n" }
        for part in [
            "\"account\":\"me@example.com\"", "\"from\":\"host\"", "\"from\":\"coop\"", "\"reason\":\"default\"", "\"refreshed\":true",
            "\"version\":1",
        ] { #expect(listed.contains(part), "\(part): \(listed)") }
        let text = try host.place.coop(["auth", "list"])
        #expect(text.output.contains("me@example.com") && !text.output.contains("REAL"), "\(text)")
        #expect(try host.place.coop(["auth", "rm", "--agent", "sample"]).exitCode == 0)
        #expect(try host.place.coop(["auth", "rm", "--agent", "sample"]).exitCode == 1)
        #expect(FileSystem.kind(host.kept()) == nil)
        #expect(try host.run(["file"]).output == "no file\n")
    }
}
