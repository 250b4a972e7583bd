import Glibc
import LinuxKernel
import Testing

@testable import NativeEngine

/// Hosts with every kind of cgroup hierarchy, written as mountinfo over a directory of the test's own.
@Suite final class CgroupHostTests {
    private let root: String

    init() throws {
        var template = Array("/tmp/coop-cgroup-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        root = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { try? FileSystem.removeTree(root) }

    private func cgroup(_ path: String, enabled: String? = nil) throws {
        let directory = root + path
        try FileSystem.makeDirectories(directory, mode: 0o755)
        try FileSystem.replace(directory + "/cgroup.procs", with: [])
        if let enabled { try FileSystem.replace(directory + "/cgroup.subtree_control", with: enabled.utf8) }
    }

    private func choose(_ mounts: [String], _ membership: String, systemd: [CgroupHost.Controller] = []) -> CgroupHost {
        CgroupHost.choose(mounts: mounts.compactMap { MountInfo(line: $0[...]) }, membership: membership, systemd: systemd)
    }

    private var unified: String { "30 24 0:26 / \(root) rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate" }

    private func separate(_ controllers: String, at path: String, root inner: String = "/") -> String {
        "31 24 0:27 \(inner) \(root)\(path) rw,relatime - cgroup cgroup rw,\(controllers)"
    }

    @Test("a delegated directory of version 2 is used where its children have controllers")
    func delegated() throws {
        try cgroup("/user.slice", enabled: "cpu memory pids")
        try cgroup("/user.slice/me", enabled: "memory pids\n")
        try cgroup("/user.slice/me/leaf", enabled: "")
        let host = choose([unified], "0::/user.slice/me/leaf\n")
        #expect(host.places == [.memory: .unified(root + "/user.slice/me"), .pids: .unified(root + "/user.slice/me")])
    }

    @Test("systemd comes first, and then everything is in its place")
    func systemd() throws {
        try cgroup("/me", enabled: "cpu memory pids")
        let host = choose([unified], "0::/me\n", systemd: [.memory, .pids])
        #expect(host.places == [.memory: .systemd, .pids: .systemd])
    }

    @Test("version 1 has a place for each controller, also for hierarchies that share a mount")
    func versionOne() throws {
        try cgroup("/memory/process/x")
        try cgroup("/cpu,cpuacct/x")
        let host = choose(
            [separate("memory", at: "/memory"), separate("cpu,cpuacct", at: "/cpu,cpuacct")],
            "4:memory:/process/x\n1:cpu,cpuacct:/x\n8:pids:/\n")
        #expect(host.places == [.memory: .separate(root + "/memory/process/x"), .cpu: .separate(root + "/cpu,cpuacct/x")])
    }

    @Test("inside a container the mount shows a part of the hierarchy")
    func container() throws {
        try cgroup("/pids/job")
        let host = choose([separate("pids", at: "/pids", root: "/docker/abc")], "8:pids:/docker/abc/job\n")
        #expect(host.places == [.pids: .separate(root + "/pids/job")])
    }

    @Test("the hybrid layout takes from version 1 what version 2 does not have")
    func hybrid() throws {
        try cgroup("/me", enabled: "hugetlb")
        try cgroup("/pids/me")
        let host = choose([unified, separate("pids", at: "/pids")], "8:pids:/me\n0::/me\n")
        #expect(host.places == [.pids: .separate(root + "/pids/me")])
    }

    @Test("no cgroups, an odd mountinfo, an odd membership: no place, and no failure")
    func none() throws {
        #expect(choose([], "").places.isEmpty)
        #expect(choose([unified], "0::/not/there\n").places.isEmpty)
        #expect(choose(["garbage"], "0::/\n").places.isEmpty)
        #expect(choose([separate("pids", at: "/gone")], "pids\n:::\n8:pids:../../etc\n").places.isEmpty)
    }

    @Test("a directory that this user may not write to is no place", .enabled(if: getuid() != 0))
    func notWritable() throws {
        try cgroup("/pids/me")
        try check("chmod") { chmod(root + "/pids/me", 0o555) }
        defer { chmod(root + "/pids/me", 0o755) }
        #expect(choose([separate("pids", at: "/pids")], "8:pids:/me\n").places.isEmpty)
    }
}
