import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What a session did in its overlay, taken into the user's tree and back.
@Suite struct ApplyTests {
    private static let anyone = TestIdentity.ordinary.first ?? .root

    /// A project in which a session has worked.
    private func place(_ identity: TestIdentity = anyone, _ script: String = ApplyTests.work) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.write("a.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n")
        try place.write("old/b.txt", "b\n")
        try place.write("gone.txt", "gone\n")
        try place.link("link", to: "a.txt")
        let outcome = try place.shell(script, options: ["--workspace", "overlay", "--network", "none"])
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        return place
    }

    private static let work = """
        sed -i s/one/ONE/ a.txt; sed -i s/nine/NINE/ a.txt; rm gone.txt; mkdir -p new/deep; echo n > new/deep/n.txt; mv old/b.txt c.txt
        rmdir old; ln -sfn c.txt link; chmod 600 c.txt; printf x > "$(printf 'bytes\\377')"
        """

    private func tree(_ place: Sandboxed) throws -> String {
        let script = #"find . -mindepth 1 -printf '%p %y %m %l\n' | sort; find . -type f -exec md5sum {} + | sort"#
        return try place.outside(["/bin/sh", "-c", script]).output
    }

    @Test(arguments: TestIdentity.all) func everythingLandsAndIsTakenBackAndPutInAgain(identity: TestIdentity) throws {
        let place = try place(identity)
        let before = try tree(place)
        let dry = try place.coop(["apply", "--dry-run"])
        #expect(dry.exitCode == 0 && dry.output.contains("D gone.txt") && dry.output.contains("A new/deep/n.txt"), "\(dry)")
        #expect(try tree(place) == before)
        let applied = try place.coop(["apply", "--yes"])
        #expect(applied.exitCode == 0, "\(applied)")
        let after = try tree(place)
        #expect(try place.text("a.txt").hasPrefix("ONE\n") && place.text("new/deep/n.txt") == "n\n" && place.text("c.txt") == "b\n")
        #expect(!place.exists("gone.txt") && !place.exists("old") && FileSystem.readLink(place("link")) == "c.txt")
        #expect(try place.coop(["apply", "--yes"]).exitCode == 1)
        let undone = try place.coop(["undo"])
        #expect(undone.exitCode == 0, "\(undone)")
        #expect(try tree(place) == before)
        // It is offered again.
        #expect(try place.coop(["apply", "--dry-run"]).output == dry.output)
        #expect(try place.coop(["undo", "--redo"]).exitCode == 0)
        #expect(try tree(place) == after)
        #expect(try place.coop(["diff"]).output == "")
        #expect(try place.coop(["undo", "--redo"]).exitCode == 1)
        #expect(try place.coop(["undo"]).exitCode == 0)
        #expect(try place.coop(["apply", "--dry-run"]).output == dry.output)
    }

    @Test func theUsersEditsAreBroughtTogether() throws {
        let place = try place()
        try place.write("a.txt", "one\ntwo\nthree\nfour\nFIVE\nsix\nseven\neight\nnine\n")
        let applied = try place.coop(["apply", "--yes", "a.txt"])
        #expect(applied.exitCode == 0 && applied.error.contains("with your own edits"), "\(applied)")
        let together = "ONE\ntwo\nthree\nfour\nFIVE\nsix\nseven\neight\nNINE\n"
        #expect(try place.text("a.txt") == together)
        #expect(place.exists("gone.txt"))
        // There and back again, the session's part of it is what it was.
        let rest = try place.coop(["diff"]).output
        #expect(try place.coop(["undo"]).exitCode == 0 && place.coop(["undo", "--redo"]).exitCode == 0)
        #expect(try place.coop(["diff"]).output == rest && place.text("a.txt") == together)
        #expect(try place.coop(["undo"]).exitCode == 0 && place.coop(["apply", "--yes", "a.txt"]).exitCode == 0)
        #expect(try place.text("a.txt") == together)
        // Edited again: the undo leaves those edits, and the first ones.
        try place.write("a.txt", "ONE\ntwo\nTHREE\nfour\nFIVE\nsix\nseven\neight\nNINE\n")
        #expect(try place.coop(["undo"]).exitCode == 0)
        #expect(try place.text("a.txt") == "one\ntwo\nTHREE\nfour\nFIVE\nsix\nseven\neight\nnine\n")
        #expect(try place.coop(["apply", "--yes", "a.txt"]).exitCode == 0)
        #expect(try place.text("a.txt") == "ONE\ntwo\nTHREE\nfour\nFIVE\nsix\nseven\neight\nNINE\n")
    }

    @Test func aConflictLeavesEverythingAsItWas() throws {
        let place = try place()
        try place.write("a.txt", "uno\ntwo\n")
        try place.write("gone.txt", "still needed\n")
        let before = try tree(place)
        let outcome = try place.coop(["apply", "--yes"])
        #expect(outcome.exitCode == 1, "\(outcome)")
        #expect(
            outcome.error.contains("a.txt: you changed the same lines") && outcome.error.contains("gone.txt: you changed it meanwhile"),
            "\(outcome)")
        #expect(try tree(place) == before)
        #expect(try place.coop(["apply", "--yes", "new", "c.txt"]).exitCode == 0)
        #expect(try place.text("new/deep/n.txt") == "n\n")
        #expect(!place.exists("old/b.txt") && place.exists("old"))
    }

    @Test func nobodyToAskIsRefused() throws {
        let place = try place()
        let before = try tree(place)
        #expect(try place.coop(["apply"]).exitCode == 126)
        #expect(try place.coop(["discard"]).exitCode == 126)
        #expect(try place.coop(["apply", "-p"]).exitCode == 126)
        #expect(try place.coop(["apply", "nothing/there"]).exitCode == 1)
        #expect(try tree(place) == before)
    }

    @Test func pieceByPiece() throws {
        let place = try place(ApplyTests.anyone, "sed -i 's/one/ONE/; s/nine/NINE/' a.txt; echo new > new.txt; rm gone.txt")
        let child = try place.start(["apply", "-p"], input: .terminal(rows: 50, columns: 200))
        #expect(try child.waitForOutput("(1/2) Take this? [y,n,q,a,d,?] "), "\(child.outputText)")
        try child.send("?\r")
        #expect(try child.waitForOutput("a - take it and all later ones"), "\(child.outputText)")
        try child.send("n\r")
        #expect(try child.waitForOutput("(2/2) Take this?"), "\(child.outputText)")
        try child.send("y\r")
        #expect(try child.waitForOutput("-gone"), "\(child.outputText)")
        try child.send("n\r")
        #expect(try child.waitForOutput("+new"), "\(child.outputText)")
        try child.send("y\r")
        let outcome = try child.wait()
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.text("a.txt").hasPrefix("one\n") && place.text("a.txt").hasSuffix("NINE\n"))
        #expect(place.exists("gone.txt") && place.exists("new.txt"))
        // The rest is offered still.
        let rest = try place.coop(["apply", "--dry-run"]).output
        #expect(rest == "M a.txt\nD gone.txt\n", "\(rest)")
        #expect(try place.coop(["apply", "--yes"]).exitCode == 0)
        #expect(try place.text("a.txt").hasPrefix("ONE\n") && place.text("a.txt").hasSuffix("NINE\n"))
    }

    @Test func whileTheSessionRuns() throws {
        let place = try Sandboxed(ApplyTests.anyone)
        try place.write("a.txt", "a\n")
        let script =
            "echo first > one.txt; touch ready; while [ ! -e more ]; do read line || break; echo $line > two.txt; touch more; done; sleep 1000"
        let started = try place.coop([
            "run", "-d", "--name", "work", "--workspace", "overlay", "--network", "none", "--", "/bin/sh", "-c", script,
        ])
        #expect(started.exitCode == 0, "\(started)")
        try Deadline.poll(seconds: 60) { try place.coop(["apply", "--dry-run", "work"]).output.contains("A ready") }
        #expect(try place.coop(["apply", "--yes", "work"]).exitCode == 0)
        #expect(try place.text("one.txt") == "first\n")
        #expect(try place.coop(["discard", "--yes", "work"]).exitCode == 4)
        _ = try place.coop(["exec", "work", "--", "/bin/sh", "-c", "echo second > two.txt"])
        #expect(try place.coop(["apply", "--dry-run", "work"]).output == "A two.txt\n")
        #expect(try place.coop(["discard", "--yes", "work", "two.txt"]).exitCode == 0)
        #expect(try place.coop(["apply", "--dry-run", "work"]).output == "Nothing to apply.\n")
        #expect(try place.coop(["stop", "work"]).exitCode == 0)
    }

    @Test func aDiscardedSessionHasNothingLeft() throws {
        let place = try place()
        let before = try tree(place)
        let outcome = try place.coop(["discard", "--yes", "--json"])
        #expect(outcome.exitCode == 0 && outcome.output.contains("\"gone.txt\""), "\(outcome)")
        #expect(try place.coop(["apply", "--yes"]).exitCode == 1)
        #expect(try tree(place) == before)
    }

    @Test func aKillAtAnyPointLeavesTheOldOrTheNewTree() throws {
        let place = try place()
        let before = try tree(place)
        try #require(try place.coop(["apply", "--yes"]).exitCode == 0)
        let after = try tree(place)
        try #require(try place.coop(["undo"]).exitCode == 0)
        // Five calls apart, since each costs a command or three; all of them once in a while.
        let step = getenv("COOP_TEST_EVERY_KILL") == nil ? 5 : 1
        for (command, target) in [(["apply", "--yes"], after), (["undo"], before)] {
            var seen: Set<String> = []
            var point = 1
            while true {
                let killed = try place.coop(command, environment: ["COOP_TEST_KILL_AT": String(point)])
                guard killed.signal != 0 else { break }
                #expect(try place.coop(["ps"]).exitCode == 0)
                let now = try tree(place)
                #expect(now == before || now == after, "\(command) at \(point)")
                seen.insert(now)
                if now == target {
                    // Back to where it began; what was finished can be done again, and says so.
                    #expect(try place.coop(command == ["undo"] ? ["undo", "--redo"] : ["undo"]).exitCode == 0, "\(command) at \(point)")
                    if command == ["undo"], try tree(place) != after { _ = try place.coop(["apply", "--yes"]) }
                    #expect(try tree(place) == (target == after ? before : after), "\(command) at \(point)")
                }
                point += step
            }
            #expect(seen == [before, after], "\(command)")
            #expect(try tree(place) == target)
        }
        let pending = place.coopHome + "/state/landing/pending"
        #expect(try FileSystem.list(pending) == [])
    }
}
