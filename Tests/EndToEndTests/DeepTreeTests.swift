import Glibc
import LinuxKernel
import TestSupport
import Testing

/// A sandbox nests its directories deeper than any program would: neither its end nor a later command may stumble over it.
@Suite struct DeepTreeTests {
    private static let overlay = ["--workspace", "overlay", "--network", "none"]

    /// Makes `levels` directories one in the other, below `directory`.
    private func nest(_ levels: Int, in directory: String) -> [String] {
        ["python3", "-c", "import os; os.chdir('\(directory)'); [(os.mkdir('d'), os.chdir('d')) for _ in range(\(levels))]"]
    }

    /// Runs `coop` with few descriptors.
    private func coop(_ place: Sandboxed, _ arguments: [String]) throws -> ChildProcess.Outcome {
        try place.outside(
            ["/bin/sh", "-c", "ulimit -n 256; exec \"$@\"", "sh", try BuiltPrograms.coop()] + arguments, timeout: 300)
    }

    @Test("in an overlay", arguments: TestIdentity.ordinary)
    func overlay(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("a", "a\n")
        let outcome = try coop(place, ["run", "--name", "deep"] + Self.overlay + ["--"] + nest(3000, in: "."))
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(outcome.error.contains("129 paths differ in the overlay"), "\(outcome.error)")
        #expect(try place.remains() == [])
        let listed = try coop(place, ["ps", "-a"])
        #expect(listed.exitCode == 0 && listed.output.contains("deep"), "\(listed)")
        let diff = try coop(place, ["diff", "deep"])
        #expect(diff.exitCode == 0 && diff.output.contains("a directory more than 128 levels deep"), "\(diff.exitCode) \(diff.error)")
        let applied = try coop(place, ["apply", "deep", "--yes", "--accept", "**"])
        #expect(applied.error.contains("more than 128 levels deep cannot be carried over"), "\(applied)")
        let discarded = try coop(place, ["discard", "deep", "--yes"])
        #expect(discarded.exitCode == 0, "\(discarded)")
        let listedAgain = try coop(place, ["ps", "-a"])
        #expect(listedAgain.exitCode == 0, "\(listedAgain)")
        // The same for whoever does not look at it.
        #expect(try coop(place, ["run", "--name", "other"] + Self.overlay + ["--"] + nest(3000, in: ".")).exitCode == 0)
        let removed = try coop(place, ["rm", "--force", "other"])
        #expect(removed.exitCode == 0, "\(removed)")
        #expect(try coop(place, ["run", "--network", "none", "--", "true"]).exitCode == 0)
    }

    @Test("in the private git directory", arguments: TestIdentity.ordinary)
    func privateGit(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let made = try place.outside([
            "sh", "-c",
            "git init -q -b main . && git -c user.name=T -c user.email=t@example.com commit -q --allow-empty -m first",
        ])
        #expect(made.exitCode == 0, "\(made)")
        let outcome = try coop(place, ["run"] + Self.overlay + ["--"] + nest(5_000, in: ".git"))
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.remains() == [])
        let listed = try coop(place, ["ps"])
        #expect(listed.exitCode == 0, "\(listed)")
        #expect(try place.outside(["git", "status", "--short"]).exitCode == 0)
    }
}
