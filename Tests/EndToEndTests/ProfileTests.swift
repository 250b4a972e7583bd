import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.first ?? .root

/// Several logins of one agent, and which of them a run has.
@Suite struct ProfileTests {
    /// A host with the profiles `default` (REAL-access-1) and `work` (REAL-access-2).
    private func host() throws -> LoginProgram {
        let host = try LoginProgram(anyone)
        for (user, options) in [("me@home", []), ("me@work", ["--profile", "work"])] {
            let outcome = try host.logIn(user, options: options)
            guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        }
        return host
    }

    /// Which real tokens the service has seen, in order.
    private func seen(_ host: LoginProgram) throws -> [String] {
        try host.server.received.split(separator: "\n").filter { $0.hasPrefix("GOT mcp.") }
            .compactMap { $0.split(separator: " ").first { $0.hasPrefix("REAL-access-") }.map { String($0.prefix(13)) } }
    }

    @Test("the one that is asked for is used, else the project's, else coop's own, else the host's")
    func order() throws {
        let host = try host()
        func current() throws -> String { try host.place.coop(["profile", "current", "--agent", "sample"]).output }
        #expect(try current() == "default  (default)\n")
        #expect(try host.run(["api"]).output.contains("\"ok\": true"))
        #expect(try host.run(["api"], options: ["--profile", "work"]).error.contains("your login `work` as a stub"))
        #expect(try host.place.coop(["profile", "current", "work", "--agent", "sample"]).exitCode == 0)
        #expect(try current() == "work  (pinned)\n")
        #expect(try host.run(["api"]).error.contains("your login `work`"))
        #expect(try host.run(["api"], options: ["--profile", "default"]).error.contains("your login `default`"))
        #expect(try seen(host) == ["REAL-access-1", "REAL-access-2", "REAL-access-2", "REAL-access-1"])
        // Another project has its own choice, and the repository knows nothing of it.
        try host.place.makeDirectory("../other")
        let other = try host.place.coop(["profile", "current", "--agent", "sample", "--json"], directory: host.place.root + "/other")
        #expect(other.output.filter { $0 != " " }.contains("\"reason\":\"default\""), "\(other)")
        #expect(try FileSystem.list(host.place.project).isEmpty)
        #expect(try host.place.coop(["profile", "current", "--clear", "--agent", "sample"]).exitCode == 0)
        #expect(try current() == "default  (default)\n")
        // The host's own, although there is one of coop's.
        try host.place.write(
            host.place.home + "/.sample/login.json", "{\"access\": \"REAL-access-0-0123456789\", \"refresh\": \"x\"}", mode: 0o600)
        #expect(try host.run(["api"], options: ["--profile", "host"]).error.contains("your login as a stub"))
        #expect(try seen(host).last == "REAL-access-0")
    }

    @Test("two sandboxes of a project with two profiles at once do not mix")
    func together() throws {
        let host = try host()
        let names = ["default", "work"]
        let processes = try names.map {
            try host.place.start(["run", "--profile", $0, "sample", "wait", "api", "wait", "api"], input: .pipe)
        }
        for process in processes { #expect(try process.waitForOutput("WAITING")) }
        // In turns: each has begun before the other asks.
        for round in 1...2 {
            for process in processes {
                try process.send("\n")
                #expect(try process.waitUntil { $0.outputText.components(separatedBy: "200 ") > round })
            }
        }
        for (process, own) in zip(processes, ["REAL-access-1", "REAL-access-2"]) {
            let outcome = try process.wait()
            #expect(outcome.exitCode == 0 && !outcome.output.contains(own), "\(outcome)")
        }
        #expect(try seen(host) == ["REAL-access-1", "REAL-access-2", "REAL-access-1", "REAL-access-2"])
    }

    @Test("a profile that is not there, or not logged in, does not turn into another account")
    func missing() throws {
        let host = try host()
        let unknown = try host.run(["api"], options: ["--profile", "play"])
        #expect(unknown.exitCode == 125 && unknown.error.contains("there is no profile `play` of sample"), "\(unknown)")
        let added = try host.place.coop(["profile", "add", "play", "--agent", "sample"])
        #expect(added.exitCode == 0 && added.error.contains("Next: coop auth login --agent sample --profile play"), "\(added)")
        #expect(try host.place.coop(["profile", "add", "play", "--agent", "sample"]).exitCode == 1)
        let empty = try host.run(["api"], options: ["--profile", "play"])
        #expect(empty.exitCode == 125 && empty.error.contains("Next: coop auth login --agent sample --profile play"), "\(empty)")
        #expect(try host.place.coop(["profile", "current", "work", "--agent", "sample"]).exitCode == 0)
        let list = try host.place.coop(["profile", "list"])
        #expect(list.output.contains("play") && list.output.contains("not logged in") && list.output.contains("used here"), "\(list)")
        #expect(try host.place.coop(["profile", "list", "--agent", "sample", "--json"]).output.contains("\"work\""))
        // Removed in another project, it leaves a pin behind that says so.
        try host.place.makeDirectory("../other")
        #expect(try host.place.coop(["profile", "rm", "work", "--agent", "sample"], directory: host.place.root + "/other").exitCode == 0)
        let pinned = try host.run(["api"])
        #expect(pinned.exitCode == 125 && pinned.error.contains("Next: coop profile current --agent sample --clear"), "\(pinned)")
        #expect(try seen(host) == [])
        // Nobody's login is meant.
        #expect(try host.place.run(["true"], options: ["--profile", "default"]).exitCode == 125)
    }
}

extension String {
    /// How many parts a text divides it into.
    fileprivate func components(separatedBy text: String) -> Int { split(separator: text, omittingEmptySubsequences: false).count }
}
