import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Sessions whose processes are killed at any moment, and whose disk is full.
@Suite struct SessionStormTests {
    /// COOP_STORM_ROUNDS: how often; thousands for a long run.
    private static let rounds = getenv("COOP_STORM_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 8

    private enum Victim: CaseIterable { case supervisor, warden, reader, attached, executing, everything }

    /// What a reader of the log's file finds: the numbers of events, or what is wrong.
    private func check(_ directory: String) throws -> String {
        let script = """
            import sqlite3, sys, os
            db = sqlite3.connect('file:' + sys.argv[1] + '/events.db?mode=ro', uri=True)
            count, least, most = db.execute('SELECT count(*), min(seq), max(seq) FROM events').fetchone()
            ends = db.execute("SELECT count(*) FROM events WHERE type IN ('exited', 'failed', 'orphaned')").fetchone()[0]
            whole = []
            for kind, name in [('terminal', 'terminal'), ('exec_output', 'exec')]:
                last = 0
                for offset, length in db.execute("SELECT json_extract(fields, '$.offset'), json_extract(fields, '$.bytes') FROM events "
                        "WHERE type = ? ORDER BY seq", (kind,)):
                    if offset != last: whole.append((name, offset, last))
                    last = offset + length
                path = sys.argv[1] + '/' + name
                size = os.path.getsize(path) if os.path.exists(path) else 0
                if size != last: whole.append((name, last, size))
            print('ok' if least == 1 and count == most and ends == 1 and not whole else (count, least, most, ends, whole))
            """
        return try ChildProcess.run(["/usr/bin/python3", "-c", script, directory]).output
    }

    @Test(
        "kill -9 at any moment: numbers have no gap, readers end, orphans are labelled, nothing is left", arguments: TestIdentity.ordinary)
    func kills(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for round in 0..<Self.rounds {
            let session = try HostedSession(
                place, command: ["sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; [ $((i % 50)) -ne 0 ] || sleep 0.01; done"])
            let reader = try place.start(["logs", "-f", session.id])
            let attached = try place.start(["attach", session.id], input: .terminal(rows: 24, columns: 80))
            let executing = try place.start(
                ["exec", session.id, "--", "sh", "-c", "while :; do echo further; sleep 0.001; done"],
                input: .terminal(rows: 24, columns: 80))
            let supervisor = try #require(try place.recorded("supervisor", of: session.id))
            let warden = try #require(try place.recorded("warden", of: session.id))
            #expect(try attached.waitForOutput("line "))
            #expect(try executing.waitForOutput("further"))
            poll(nil, 0, Int32.random(in: 0...200))
            let victim = Victim.allCases[round % Victim.allCases.count]
            switch victim {
            case .supervisor: kill(supervisor, SIGKILL)
            case .warden: kill(warden, SIGKILL)
            case .reader: kill(reader.pid, SIGKILL)
            case .attached: kill(attached.pid, SIGKILL)
            case .executing: kill(executing.pid, SIGKILL)
            case .everything: for pid in [supervisor, warden, reader.pid, attached.pid, executing.pid] { kill(pid, SIGKILL) }
            }
            if [.reader, .attached, .executing].contains(victim) { try session.stop() }
            #expect(try place.coop(["ps"]).exitCode == 0)
            #expect(try session.reaches(victim == .supervisor || victim == .everything ? "failed" : "exited"), "\(victim)")
            #expect(try !reader.wait(timeout: 120).timedOut, "\(victim)")
            #expect(try !attached.wait(timeout: 120).timedOut, "\(victim)")
            #expect(try !executing.wait(timeout: 120).timedOut, "\(victim)")
            let found = try check(try session.directory)
            let last = try session.events().suffix(3)
            #expect(found == "ok\n", "\(victim): \(found)\(last)")
            #expect(try place.remains() == [])
            #expect(try place.coop(["rm", session.id]).exitCode == 0)
        }
    }

    @Test("a full disk ends the session with a reason, and what was written is whole", .enabled(if: getuid() == 0))
    func fullDisk() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        // The sandbox itself needs some room; the rest is for the log.
        let script = """
            mount -t tmpfs -o size=24m,mode=700 none "$COOP_HOME" && mkdir -p "$COOP_HOME"
            id=$("$coop" run -d --network none -- sh -c 'while :; do head -c 100000 /dev/zero | tr "\\0" x; done')
            for i in $(seq 300); do "$coop" info $id | grep -q '^state *failed' && break; sleep 0.1; done
            "$coop" info $id
            cp -r "$COOP_HOME"/projects/*/sessions/$id "$HOME/log"
            "$coop" ps > /dev/null; "$coop" rm $id
            """
        let outcome = try ChildProcess.run(
            ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script],
            environment: place.environment.merging(["coop": try BuiltPrograms.coop()]) { $1 },
            directory: place.project, timeout: 300)
        #expect(outcome.output.contains("failed"), "\(outcome)")
        #expect(outcome.output.contains("space") || outcome.output.contains("full"), "\(outcome)")
        #expect(try check(place.home + "/log") == "ok\n", "\(outcome)")
        #expect(try place.remains() == [])
    }
}
