import LinuxKernel
import TestSupport
import Testing

@Suite struct WhyTests {
    private struct Answer: Decodable {
        var version: Int
        var subject: String
        var verdict: String
        var rule: String
        var next: String?
    }

    private func why(_ place: Sandboxed, _ subject: String, _ options: [String] = []) throws -> Answer {
        let outcome = try place.coop(["why", "--json"] + options + [subject])
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        return try outcome.json()
    }

    @Test("each kind of thing is answered with the rule that decides", arguments: TestIdentity.all)
    func subjects(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nprotect = [\"ci\"]\nexcludes = [\"build\", \".env\"]\n")
        try place.write("ci/run", "")
        try place.write("build/out", "")
        try place.write(".env", "")
        let cases: [(String, String, String)] = [
            (".", "writable", "workspace"), ("ci/run", "readable", "read-only"), ("coop.toml", "readable", ""),
            ("build/out", "hidden", "empty at the start"),
            (".env", "hidden", "hidden: excluded"), ("~/.ssh/id_rsa", "hidden", "HOME is private"),
            (place.home, "hidden", "HOME is private"),
            ("/etc/shadow", "hidden", "nothing of the host"), ("/usr/bin/env", "readable", "/usr is shown read-only"),
            ("env", "readable", "/usr is shown read-only"), ("/bin/sh", "readable", "/usr is shown read-only"),
            ("/proc/sys/kernel", "readable", "it changes the kernel"),
            ("/proc/key-users", "hidden", "whole machine"), ("/proc/cpuinfo", "readable", "own processes"),
            ("/sys/kernel", "hidden", "nothing of the host"),
            ("/etc/passwd", "readable", "of the sandbox's own"), ("/var/log/syslog", "hidden", "nothing of the host"),
            ("example.com", "denied", "no rule allows it"), ("$AWS_PROFILE", "denied", "built-in block AWS_*"),
            ("$TERM", "allowed", "set, from host"),
            ("$PATH", "allowed", "set, from coop"), ("$NOPE", "denied", "not on any allow list"),
            ("nosuchprogram", "hidden", "no program of that name"),
        ]
        for (subject, verdict, rule) in cases {
            let answer = try why(place, subject)
            #expect(answer.version == 1 && answer.verdict == verdict && answer.rule.contains(rule), "\(subject): \(answer)")
            if ["hidden", "denied"].contains(verdict), !["/proc", "/sys", "example"].contains(where: subject.contains) {
                #expect(answer.next != nil, "\(subject)")
            }
        }
    }

    @Test("the answer agrees with what really happens", arguments: TestIdentity.all)
    func agrees(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nprotect = [\"ci\"]\n")
        try place.write("ci/run", "x")
        try place.write("free", "x")
        for path in [
            "ci/run", "free", "/etc/shadow", "/etc/passwd", "/usr/bin/env", "/root/.bashrc", "/proc/sys/kernel/hostname", "/var/log",
        ] {
            let found = try place.shell(
                "if [ -w \(path) ]; then echo writable; elif [ -r \(path) ]; then echo readable; else echo hidden; fi"
            ).output
            #expect(try why(place, path).verdict + "\n" == found, "\(path)")
        }
    }

    @Test("a mount asked for on the command line counts, and the remedy works")
    func options() throws {
        let place = try Sandboxed(anyone)
        #expect(try why(place, "/srv").verdict == "hidden")
        #expect(try why(place, "/srv").next == "coop run -m /srv:ro -- …")
        #expect(try why(place, "/srv", ["-m", "/srv:ro"]).verdict == "readable")
        #expect(try place.run(["ls", "-d", "/srv"], options: ["-m", "/srv:ro"]).output == "/srv\n")
        #expect(try why(place, "$MY_VAR", ["-e", "MY_VAR=1"]).verdict == "allowed")
    }

    @Test("a hostile name reaches the terminal escaped")
    func hostile() throws {
        let outcome = try Sandboxed(anyone).coop(["why", "/x\u{1B}[2J\n/y"])
        #expect(outcome.exitCode == 0 && outcome.output.contains("\\x1b[2J\\n"))
        #expect(outcome.outputBytes.allSatisfy { $0 == 10 || $0 >= 0x20 })
    }
}
