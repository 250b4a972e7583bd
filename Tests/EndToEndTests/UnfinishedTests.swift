import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What cannot be cleared away is tried again with every later command, and stops none of them.
@Suite struct UnfinishedTests {
    private func journals(_ place: Sandboxed) throws -> [String] {
        try FileSystem.list(place.coopHome + "/state/placeholders").filter { $0.hasSuffix(".placeholders") }
    }

    @Test("a project that the command has closed is looked at once it is open again", arguments: TestIdentity.ordinary, ["000", "600"])
    func closed(_ identity: TestIdentity, _ mode: String) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.shell(
            "git init -q evil; git -C evil config core.fsmonitor /tmp/evil.sh; chmod \(mode) .", options: ["--network", "none"])
        #expect(outcome.error.contains("cannot clean up completely"), "\(outcome)")
        let other = place.home + "/other"
        #expect(try place.hostShell("mkdir \"$HOME/other\"").exitCode == 0)
        let meanwhile = try place.coop(["run", "--network", "none", "--", "echo", "works"], directory: other)
        #expect(meanwhile.exitCode == 0 && meanwhile.output == "works\n", "\(meanwhile)")
        #expect(meanwhile.error.contains("cannot finish the sandbox") && meanwhile.error.contains("chmod u+rwx"), "\(meanwhile)")
        let listing = try place.coop(["ps"], directory: other)
        #expect(listing.exitCode == 0 && listing.output.split(separator: "\n").count == 1, "\(listing)")

        #expect(try place.outside(["chmod", "755", place.project]).exitCode == 0)
        let next = try place.coop(["ps"])
        #expect(next.exitCode == 0 && next.error.contains("evil"), "\(next)")
        #expect(!(try place.text("evil/.git/config")).contains("fsmonitor"))
        #expect(try FileSystem.list(place.project) == ["evil"])
        #expect(try place.remains() == [] && journals(place) == [])
        let last = try place.coop(["ps"])
        #expect(last.exitCode == 0 && last.error == "", "\(last)")
    }

    @Test("placeholders that cannot all be made leave nothing", arguments: TestIdentity.ordinary)
    func readOnlyDirectory(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.configure("[sandbox]\nprotect = [\"ro/x/\"]\n")
        #expect(try place.hostShell("mkdir ro; chmod 555 ro").exitCode == 0)
        let outcome = try place.run(["true"], options: ["--network", "none"])
        #expect(outcome.exitCode == 125 && outcome.error.contains("cannot make placeholders"), "\(outcome)")
        #expect(try FileSystem.list(place.project) == ["ro"])
        #expect(try journals(place) == [] && place.remains() == [])
    }

    enum Fate: String, CaseIterable, Sendable { case back, unmounted, moved, forgotten }

    @Test("what a killed session left in a project that is not there waits for it, or goes with it", arguments: Fate.allCases)
    func goneProject(_ fate: Fate) throws {
        let place = try Sandboxed(TestIdentity.ordinary.first ?? .root)
        let script = """
            git init -q evil; git -C evil config core.fsmonitor /tmp/evil.sh; printf 'name = "x"\n[sandbox]\npids = 99\n' > coop.toml
            """
        try place.runKilled(script)
        let elsewhere = place.root + "/elsewhere"
        try FileSystem.rename(place.project, to: elsewhere)
        // What is left of a mount point.
        if fate == .unmounted { try place.makeDirectory(place.project) }
        let next = try place.coop(["ps"], directory: place.home)
        #expect(next.exitCode == 0 && next.error.contains("is not there") && next.error.contains("Next: coop project rm "), "\(next)")
        let again = try place.coop(["ps"], directory: place.home)
        #expect(again.exitCode == 0 && again.error == "", "\(again)")
        #expect(try journals(place).count == 1)
        var root = place.project
        switch fate {
        case .back, .unmounted:
            try FileSystem.removeDirectory(place.project)
            try FileSystem.rename(elsewhere, to: place.project)
        case .moved: root = elsewhere
        case .forgotten:
            let forgotten = try place.coop(["project", "rm", "--yes", place.project], directory: place.home)
            #expect(forgotten.exitCode == 0 && forgotten.error.contains("was not looked at"), "\(forgotten)")
        }
        if fate != .forgotten {
            let run = try place.coop(["run", "--network", "none", "--", "true"], directory: root)
            #expect(run.exitCode == 126 && run.error.contains("coop.toml was written by the killed"), "\(run)")
            #expect(try !place.text(root + "/evil/.git/config").contains("fsmonitor"))
        }
        let last = try place.coop(["ps"], directory: place.home)
        #expect(last.exitCode == 0 && last.error == "", "\(last)")
        #expect(try journals(place) == [] && place.remains() == [])
    }

    @Test("commits of a killed session arrive where its project was moved to", arguments: TestIdentity.ordinary)
    func movedRepository(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let script = "echo 2 > second; git add second; git commit -qm inside"
        try place.runKilled(script)
        let elsewhere = place.root + "/elsewhere"
        try FileSystem.rename(place.project, to: elsewhere)
        let next = try place.coop(["run", "--network", "none", "--", "true"], directory: elsewhere)
        #expect(next.exitCode == 0 && !next.error.contains("cannot import"), "\(next)")
        #expect(try place.coop(["commits", "list"], directory: elsewhere).output.hasPrefix("All commits"))
        try FileSystem.rename(elsewhere, to: place.project)
        #expect(try place.git("log", "--format=%s", "main") == "inside\nfirst")
        #expect(try place.remains() == [])
    }

    @Test("a killed session's coop.toml is not believed while something else keeps it from being finished, and is asked about once")
    func closedAndDistrusted() throws {
        let place = try Sandboxed(TestIdentity.ordinary.first ?? .root)
        let script = "printf 'name = \"x\"\n[sandbox]\npids = 99\n' > coop.toml; chmod 555 ."
        try place.runKilled(script)
        let next = try place.coop(["run", "--network", "none", "--", "true"])
        #expect(next.exitCode == 126 && next.error.contains("coop.toml was written by"), "\(next)")
        #expect(next.error.contains("cannot finish the sandbox"), "\(next)")
        #expect(try place.coop(["trust", "--yes"]).exitCode == 0)
        #expect(try place.outside(["chmod", "755", place.project]).exitCode == 0)
        let last = try place.coop(["ps"])
        #expect(last.exitCode == 0 && last.error == "", "\(last)")
        #expect(try place.run(["true"]).exitCode == 0)
        #expect(try place.remains() == [])
    }

    @Test("placeholders whose session has left nothing else go as well", arguments: TestIdentity.all)
    func journalAlone(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.runKilled("true")
        // Its cgroups, which nobody knows then, are the test's to remove.
        let gone = try place.hostShell("cd \"$COOP_HOME/run\"; cat */cgroups 2> /dev/null | xargs -r rmdir; rm -r ./*")
        #expect(gone.exitCode == 0, "\(gone)")
        #expect(try journals(place).count == 1 && place.exists(".vscode"))
        #expect(try place.coop(["ps"]).exitCode == 0)
        #expect(try journals(place) == [] && FileSystem.list(place.project) == [])
    }

    @Test("after a boot a project that cannot be entered is named once, and stops nothing", arguments: TestIdentity.ordinary)
    func closedAtBoot(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        #expect(try place.run(["true"], options: ["--network", "none"]).exitCode == 0)
        let prepared = try place.hostShell("mkdir \"$HOME/other\"; rm \"$COOP_HOME/state/boot\"; chmod 000 .")
        #expect(prepared.exitCode == 0, "\(prepared)")
        let first = try place.coop(["run", "--network", "none", "--", "true"], directory: place.home + "/other")
        #expect(first.exitCode == 0 && first.error.contains("what a power loss may have left"), "\(first)")
        let second = try place.coop(["ps"], directory: place.home + "/other")
        #expect(second.exitCode == 0 && second.error == "", "\(second)")
    }

    @Test("a record of the workspace that a power loss has emptied stops nothing, and nothing is thrown away")
    func emptiedWorkspace() throws {
        let place = try Sandboxed(TestIdentity.ordinary.first ?? .root)
        try place.makeRepository()
        try place.runKilled("git commit -q --allow-empty -m inside")
        let directory = place.coopHome + "/run/" + (try #require(try place.sandboxIDs().first))
        #expect(try place.hostShell(": > '\(directory)/workspace.json'").exitCode == 0)
        let next = try place.coop(["ps"])
        #expect(next.exitCode == 0 && next.error.contains("its record is damaged"), "\(next)")
        #expect(next.error.contains("Next: rm -r \(directory)   #"), "\(next)")
        #expect(FileSystem.kind(directory + "/git/HEAD") == .file)
        #expect(try place.hostShell("rm -r '\(directory)'").exitCode == 0)
        let last = try place.coop(["ps"])
        #expect(last.exitCode == 0 && last.error == "", "\(last)")
        #expect(try place.remains() == [])
    }

    @Test("records that a power loss has emptied stop nothing, and commits are kept", arguments: TestIdentity.all)
    func emptied(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let run = try place.start(
            ["run", "--network", "none", "--name", "lost", "--", "sh", "-c", "git commit -q --allow-empty -m inside; echo ready; read x"],
            input: .pipe)
        #expect(try run.waitForOutput("ready"))
        let id = try #require(try place.sandboxIDs().first)
        kill(run.pid, SIGKILL)
        _ = try run.wait()
        #expect(try Deadline.poll(seconds: 60) { try place.processes().isEmpty })
        let prepared = try place.hostShell(": > \"$COOP_HOME/run/\(id)/session.json\"; : > \"$COOP_HOME/run/\(id)/git.record\"")
        #expect(prepared.exitCode == 0, "\(prepared)")
        let next = try place.coop(["ps"])
        #expect(next.exitCode == 0 && next.error.contains("commits of session \(id) cannot be imported"), "\(next)")
        #expect(try place.remains() == [])
        let kept = try place.coop(["commits", "list"])
        #expect(kept.exitCode == 0 && kept.output.contains(id), "\(kept)")
        let named = try place.run(["true"], options: ["--network", "none", "--name", "lost"])
        #expect(named.exitCode == 0 && named.error == "", "\(named)")
        let removed = try place.coop(["commits", "rm", "--yes", id])
        #expect(removed.exitCode == 0, "\(removed)")
    }
}
