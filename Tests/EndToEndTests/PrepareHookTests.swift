import LinuxKernel
import TestSupport
import Testing

/// One ordinary identity, where all of them would show the same.
private let anyone = TestIdentity.ordinary.first ?? .root

/// `hooks.prepare`: a command that runs inside before the run's own, and not again as long as nothing that it reads has changed.
@Suite struct PrepareHookTests {
    /// A project whose approved hook writes a line to `log`.
    private func place(_ hook: String, _ identity: TestIdentity = anyone, more: String = "") throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", "name = \"x\"\n[hooks]\nprepare = '\(hook)'\n\(more)")
        let outcome = try place.coop(["trust", "--yes"])
        #expect(outcome.exitCode == 0 && outcome.output.contains("run inside before the command: "), "\(outcome)")
        return place
    }

    private func count(_ place: Sandboxed) throws -> Int {
        place.exists("log") ? try place.text("log").split(separator: "\n").count : 0
    }

    @Test("it runs inside before the command, once, and is recorded", arguments: TestIdentity.all)
    func once(_ identity: TestIdentity) throws {
        let place = try place("echo \"$COOP_SESSION $(cat /proc/1/comm) $PWD\" >> log; echo noise", identity)
        let outcome = try place.shell("cat log; echo $COOP_SESSION")
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(outcome.exitCode == 0 && lines.count == 2, "\(outcome)")
        // In the very sandbox of the command.
        #expect(lines.first == "\(lines.last ?? "-") coop-warden \(place.project)", "\(outcome)")
        #expect(outcome.error.hasPrefix("coop: prepare: echo ") && !outcome.error.contains("\nnoise"), "\(outcome)")
        let again = try place.shell("cat log | wc -l")
        #expect(again.output == "1\n" && again.error.isEmpty, "\(again)")
        let log = try place.coop(["audit", "show", "--type", "hook"]).output
        #expect(log.contains("change=started") && log.contains("change=ended code=0") && log.contains("hook=prepare"), "\(log)")
        #expect(try place.coop(["audit", "verify"]).exitCode == 0)
        #expect(try place.remains() == [])
    }

    @Test("it runs again when something that it depends on has changed, and only then")
    func changes() throws {
        let place = try place("./prepare.sh")
        try place.write("prepare.sh", "#!/bin/sh\necho ran >> log\n", mode: 0o755)
        try place.write("package-lock.json", "{}")
        func run(_ expected: Int, _ why: String, _ options: [String] = [], environment: [String: String] = [:]) throws {
            let outcome = try place.run(["true"], options: options, environment: environment)
            #expect(outcome.exitCode == 0, "\(outcome)")
            #expect(try count(place) == expected, "\(why): \(outcome)")
        }
        try run(1, "the first time")
        try run(1, "nothing changed")
        try place.write("source.c", "int main;")
        try run(1, "nothing that it reads")
        try place.write("package-lock.json", "{}")
        try run(1, "the same contents in a new file")
        try place.write("package-lock.json", "{ }")
        try run(2, "a lock file")
        try place.write("prepare.sh", "#!/bin/sh\necho ran >> log # other\n", mode: 0o755)
        try run(3, "a script that the command names")
        try run(3, "skipped", ["--no-hooks"])
        try run(4, "asked for", ["--rerun-hooks"])
        try run(5, "nothing of it was kept in this home", ["--ephemeral"])
        try run(5, "the other home is as it was")
        try place.makeDirectory("tools")
        try place.write("tools/node", "#!/bin/sh\n", mode: 0o755)
        try run(5, "a program of the project's own is no toolchain", environment: ["PATH": place("tools") + ":" + Sandboxed.path])
        try FileSystem.makeDirectories(place.home + "/bin", mode: 0o755)
        let tool = place.home + "/bin/node"
        try FileSystem.replace(tool, with: "#!/bin/sh\n".utf8, mode: 0o755)
        for path in [place.home + "/bin", tool] { try place.give(path) }
        try run(6, "another toolchain", environment: ["PATH": place.home + "/bin:" + Sandboxed.path])
        try place.write("coop.toml", "name = \"x\"\n[hooks]\nprepare = 'echo other >> log'\n")
        #expect(try place.run(["true"]).exitCode == 126)
        #expect(try count(place) == 6, "another command needs another approval")
        try place.coop(["trust", "--yes"], input: .null).expectExit(0)
        try run(7, "another command")
    }

    @Test("hooks.inputs names what it reads, in place of the lock files")
    func inputs() throws {
        let place = try place("echo ran >> log", more: "inputs = ['packages/a/deps.txt']\n")
        for (index, (name, text)) in [("x", ""), ("package-lock.json", "{}"), ("packages/a/deps.txt", "1"), ("packages/a/deps.txt", "2")]
            .enumerated()
        {
            try place.write(name, text)
            try place.run(["true"]).expectExit(0)
            #expect(try count(place) == max(1, index), "\(name)")
        }
    }

    @Test("when it fails the command does not start, and its code and last lines are told", arguments: TestIdentity.all)
    func failure(_ identity: TestIdentity) throws {
        let place = try place("seq 1000; printf \"last \\033[31m words\\n\" >&2; echo ran >> log; exit 7", identity)
        for round in 1...2 {
            let outcome = try place.run(["touch", "started"])
            #expect(outcome.exitCode == 7 && outcome.output.isEmpty, "\(outcome)")
            #expect(
                outcome.error.contains("(coop.toml:3:11), which prepares it, ended with 7\n")
                    && outcome.error.contains("  1000\n  last \\x1b[31m words\nNext: coop run --no-hooks -- …\n")
                    && !outcome.error.contains("  900\n"), "\(outcome)")
            #expect(try !place.exists("started") && count(place) == round)
        }
        try place.run(["touch", "started"], options: ["--no-hooks"]).expectExit(0)
        #expect(place.exists("started"))
        // Kept, or not.
        let kept = try place.coop(["run", "--keep", "--name", "kept", "--", "true"])
        #expect(kept.exitCode == 7 && kept.error.contains("ended with 7"), "\(kept)")
        #expect(try place.remains() == [])
    }

    @Test("where the last result cannot be forgotten the hook does not run: half of its work would be taken for all of it")
    func unforgettable() throws {
        let place = try place("echo ran >> log")
        try place.run(["true"]).expectExit(0)
        let projects = place.coopHome + "/projects"
        let records = try FileSystem.list(projects).map { "\(projects)/\($0)/prepared" }.filter { FileSystem.kind($0) == .file }
        let record = try #require(records.first)
        try FileSystem.removeFile(record)
        try place.makeDirectory(record)
        let outcome = try place.run(["touch", "started"])
        #expect(outcome.exitCode != 0 && outcome.error.contains("cannot forget the last preparation"), "\(outcome)")
        #expect(try count(place) == 1 && !place.exists("started"))
    }

    @Test("a kept sandbox is prepared before it can be used")
    func kept() throws {
        let place = try place("echo ran >> log")
        try place.coop(["run", "--keep", "--name", "kept", "--", "true"]).expectExit(0)
        #expect(try place.coop(["exec", "kept", "--", "cat", "log"]).output == "ran\n")
        try place.coop(["stop", "kept"]).expectExit(0)
        #expect(try place.remains() == [])
    }

    @Test("it has the sandbox's limits: its time counts, an interrupt ends the run, the host's network is as far away")
    func limits() throws {
        let slow = try place("sleep 60")
        #expect(try slow.run(["true"], options: ["--timeout", "1s"]).exitCode == 124)
        let child = try slow.start(["run", "--", "true"], input: .terminal(rows: 24, columns: 100))
        #expect(try child.waitForOutput("coop: prepare: sleep 60"), "\(child.outputText)")
        // The command's process is there: an interrupt reaches it.
        let started = try slow.waitForProcess("sleep 60")
        try child.send("\u{3}")
        let outcome = try child.wait()
        #expect(started && outcome.exitCode == 130 && outcome.signal == 2, "\(outcome)")
        let bound = try place("ls /sys/class/net 2>/dev/null; cat /proc/net/dev | grep -c : ; [ $(cat /proc/net/dev | grep -c :) = 1 ]")
        try bound.run(["true"]).expectExit(0)
        #expect(try slow.remains() == [])
    }

    @Test("two at a time prepare once")
    func together() throws {
        let place = try place("echo ran >> log; until [ -e go ]; do sleep 0.05; done")
        let first = try place.start(["run", "--", "true"])
        try Deadline.poll(seconds: 60) { try count(place) == 1 }
        let second = try place.start(["run", "--", "true"])
        #expect(try second.waitUntil { $0.errorText.contains("waiting for another sandbox") }, "\(second.errorText)")
        try place.write("go", "")
        #expect(try first.wait().exitCode == 0 && second.wait().exitCode == 0)
        #expect(try count(place) == 1)
    }

    @Test("what lies outside of the workspace is neither read nor run by way of a link", arguments: TestIdentity.all)
    func links(_ identity: TestIdentity) throws {
        let place = try place("./prepare.sh", identity)
        let outside = place.root + "/outside.sh"
        let marker = place.root + "/marker"
        func script(_ text: String) throws {
            try place.write(outside, "#!/bin/sh\ntouch \(marker) ran\n\(text)\n", mode: 0o755)
        }
        try script("")
        try place.link("prepare.sh", to: outside)
        let outcome = try place.run(["true"])
        #expect(outcome.exitCode == 127 && !place.exists("ran") && FileSystem.kind(marker) == nil, "\(outcome)")
        // A lock file that leads outside, or that waits for a writer, is none.
        try FileSystem.removeFile(place("prepare.sh"))
        try place.write("prepare.sh", "#!/bin/sh\necho ran >> log\n", mode: 0o755)
        try place.link("package-lock.json", to: outside)
        try place.outside(["/usr/bin/mkfifo", "yarn.lock"]).expectExit(0)
        for _ in 1...2 {
            try place.run(["true"]).expectExit(0)
            try script("# other")
            #expect(try count(place) == 1)
        }
    }
}

extension ChildProcess.Outcome {
    /// Checks how it ended.
    fileprivate func expectExit(_ code: Int32, at location: SourceLocation = #_sourceLocation) {
        #expect(exitCode == code, "\(self)", sourceLocation: location)
    }
}

extension Sandboxed {
    /// Whether a process of this fixture with this command line appears.
    fileprivate func waitForProcess(_ command: String) throws -> Bool {
        try Deadline.poll(seconds: 60) { try processes().contains { $0.contains(command) } }
    }
}
