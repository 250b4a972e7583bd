import LinuxKernel
import Sandbox
import TestSupport
import Testing

@Suite struct LimitTests {
    /// How strong the layers of limits are for an identity here.
    private func strengths(_ place: Sandboxed, _ options: [String]) throws -> [Layer: LayerReport.Strength] {
        Dictionary(uniqueKeysWithValues: try place.explain(options).layers.map { ($0.layer, $0.strength) })
    }

    @Test("--pids bounds a fork bomb, and the sandbox ends cleanly", arguments: TestIdentity.all)
    func pids(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        guard try strengths(place, ["--pids", "20"])[.processes] == .enforced else {
            try place.run(["true"], options: ["--pids", "20"]).expectError(126, "layer pids cannot be enforced", "--degraded=pids")
            return
        }
        let script =
            "import os,time\nn=0\ntry:\n  while n<100:\n    if os.fork()==0: time.sleep(60); os._exit(0)\n    n+=1\nexcept OSError as e: print('refused after', n)\n"
        let outcome = try place.run(["python3", "-c", script], options: ["--pids", "20"])
        let count = outcome.output.split(separator: " ").last.flatMap { Int($0.dropLast()) }
        #expect(outcome.output.hasPrefix("refused after"), "\(outcome)")
        #expect((count ?? 100) <= 20 && (count ?? 0) >= 15, "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("--memory bounds the whole sandbox where it says so, and each process where it says that", arguments: TestIdentity.all)
    func memory(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let one = "b = bytearray(300 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1\nprint('held')\n"
        let small = try place.run(["python3", "-c", "print('small')"], options: ["--memory", "100M"])
        #expect(small.output == "small\n" && small.exitCode == 0, "\(small)")
        let large = try place.run(["python3", "-c", one], options: ["--memory", "100M"])
        #expect(large.exitCode != 0 && !large.output.contains("held"), "\(large)")
        #expect(try place.run(["python3", "-c", one], options: ["--memory", "1G"]).output == "held\n")
        guard try strengths(place, ["--memory", "200M"])[.memory] == .enforced else { return }
        // Together they are too large, each alone is not. Each holds what it has until all have told that they have it.
        let many = """
            import os, sys
            told, tell = os.pipe()
            held, hold = os.pipe()
            for _ in range(4):
              if os.fork() == 0:
                os.close(told); os.close(hold)
                b = bytearray(100 << 20)
                for i in range(0, len(b), 4096): b[i] = 1
                os.write(tell, b'x'); os.close(tell); os.read(held, 1); os._exit(0)
            os.close(tell)
            count = 0
            while got := os.read(told, 4): count += len(got)
            sys.exit(count < 4)
            """
        let together = try place.run(["python3", "-c", many], options: ["--memory", "200M"])
        #expect(together.exitCode != 0, "\(together)")
        #expect(try place.remains() == [])
    }

    @Test("--cpus is enforced by a cgroup or refused, unless it is named in --degraded", arguments: TestIdentity.all)
    func cpus(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        if try strengths(place, ["--cpus", "0.5"])[.cpu] == .enforced {
            // Half a second of processor time takes at least most of a second.
            let script =
                "import time\nw=time.monotonic(); c=time.process_time()\nwhile time.process_time()-c < 0.5: pass\nprint('slow' if time.monotonic()-w > 0.8 else 'fast')\n"
            #expect(try place.run(["python3", "-c", script], options: ["--cpus", "0.5"]).output == "slow\n")
        } else {
            try place.run(["touch", "ran"], options: ["--cpus", "0.5"]).expectError(126, "layer cpu cannot be enforced", "--degraded=cpu")
            #expect(!place.exists("ran"))
            try place.run(["true"], options: ["--cpus", "0.5", "--degraded=cpu"]).expectSuccess()
            try place.run(["true"], options: ["--cpus", "0.5", "--degraded=memory"]).expectError(126, "--degraded=cpu")
        }
        #expect(try place.remains() == [])
    }

    @Test("--disk is refused where the workspace lies on the host's disk, and enforced in memory", arguments: TestIdentity.all)
    func disk(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.run(["true"], options: ["--disk", "10M"]).expectError(126, "layer disk cannot be enforced", "--degraded=disk")
        let options = ["--disk", "4M", "--workspace", "none", "--ephemeral"]
        let outcome = try place.shell(
            "for d in . ~ /tmp /dev/shm; do head -c 3M /dev/zero > $d/a && head -c 3M /dev/zero > $d/b; wc -c < $d/b; done",
            options: options)
        let sizes = outcome.output.split(separator: "\n").compactMap { Int($0) }
        #expect(sizes.count == 4 && sizes.allSatisfy { $0 <= 1 << 20 }, "\(outcome)")
        // Named, the size of each file is limited at least.
        let degraded = try place.shell("head -c 20M /dev/zero > big; stat -c %s big", options: ["--disk", "10M", "--degraded=disk"])
        #expect(degraded.output == "10485760\n", "\(degraded)")
    }

    @Test("--timeout ends with 124, after TERM; a command that ignores TERM is killed after the grace period", arguments: TestIdentity.all)
    func timeout(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
        var polite = try place.shell(script, options: ["--timeout", "5s"])
        // On a busy machine the limit may have passed before the command began.
        if polite.exitCode == 124, !polite.output.hasPrefix("up\n") { polite = try place.shell(script, options: ["--timeout", "60s"]) }
        #expect(polite.exitCode == 124 && polite.output == "up\nbye\n", "\(polite)")
        #expect(try place.run(["true"], options: ["--timeout", "300s"]).exitCode == 0)
        #expect(try place.run(["sh", "-c", "exit 9"], options: ["--timeout", "300s"]).exitCode == 9)
        #expect(try place.remains() == [])
    }

    @Test("a command that ignores TERM is killed after the grace period")
    func stubborn() throws {
        let place = try Sandboxed(anyone)
        let outcome = try place.shell(
            "trap '' TERM; setsid sh -c \"trap '' TERM; while :; do sleep 1; done\" & while :; do sleep 1; done",
            options: ["--timeout", "1s"])
        #expect(outcome.exitCode == 124 && !outcome.timedOut, "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("no core dump is written, and the number of files is the host's", arguments: TestIdentity.all)
    func core(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.shell("ulimit -c; kill -SEGV $$")
        #expect(outcome.exitCode == 139, "\(outcome)")
        #expect(try FileSystem.list(place.project) == [])
    }
}
