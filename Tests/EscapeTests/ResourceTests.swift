import LinuxKernel
import TestSupport
import Testing

@Suite(.serialized) struct ResourceTests {
    @Test("a fork bomb ends at --pids", arguments: TestIdentity.all)
    func processes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let bounded = try place.attack(["fork_many", "200"], options: ["--pids", "50"])
        #expect(bounded.isRefused, "\(bounded)")
        let free = try place.attack(["fork_many", "200"], options: ["--pids", "1000"])
        #expect(free.hasWorked, "\(free)")
        #expect(try place.remains() == [])
    }

    @Test("memory ends at --memory", arguments: TestIdentity.all)
    func memory(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let bounded = try place.attack(["memory_take", "300000000"], options: ["--memory", "100M"])
        #expect(bounded.isRefused, "\(bounded)")
        let free = try place.attack(["memory_take", "150000000"], options: ["--memory", "500M"])
        #expect(free.hasWorked, "\(free)")
    }

    @Test("what lies in memory ends at --disk", arguments: TestIdentity.all)
    func disk(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for path in ["/tmp/file", "/dev/shm/file"] {
            let bounded = try place.attack(["disk_fill", path, "8000000"], options: ["--disk", "2M", "--ephemeral", "--degraded=disk"])
            #expect(bounded.isRefused, "\(bounded)")
        }
        let free = try place.attack(["disk_fill", "/tmp/file", "8000000"])
        #expect(free.hasWorked, "\(free)")
    }

    @Test("every file system in memory has a limit of files", arguments: TestIdentity.all)
    func inodes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for path in ["/", "/tmp", "/dev/shm"] { try place.expectRefused(["inodes_unlimited", path], control: .none) }
    }
}
