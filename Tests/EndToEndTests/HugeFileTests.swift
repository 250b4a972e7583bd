import LinuxKernel
import TestSupport
import Testing

/// A sandbox makes a file that is larger than the disk, which costs it nothing.
@Suite struct HugeFileTests {
    @Test("a file of holes takes no more room once it is applied", arguments: TestIdentity.ordinary)
    func holes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let options = ["--workspace", "overlay", "--network", "none", "--name", "huge"]
        let outcome = try place.shell("truncate -s 3T big; echo a > a", options: options)
        #expect(outcome.exitCode == 0, "\(outcome)")
        let applied = try place.coop(["apply", "huge", "--yes"])
        #expect(applied.exitCode == 0, "\(applied)")
        #expect(try FileSystem.status(place("big"))?.st_size == 3 << 40)
        let used = try place.outside(["du", "-sk", place.root]).output.split(separator: "\t").first.flatMap { Int($0) }
        #expect(try #require(used) < 64 << 10)
        // It is the base now, and is told to be the same without being read.
        let diff = try place.coop(["diff", "huge", "--name-only"])
        #expect(diff.exitCode == 0 && diff.output.isEmpty, "\(diff)")
        #expect(try place.text("a") == "a\n")
    }
}
