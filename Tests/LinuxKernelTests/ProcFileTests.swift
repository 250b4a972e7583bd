import LinuxKernel
import Testing

@Suite struct ProcFileTests {
    /// As the kernel writes a name: mangle_path() of fs/seq_file.c.
    private func escape(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { byte -> [UInt8] in
            guard [0x20, 0x09, 0x0A, 0x5C, 0x23].contains(byte) else { return [byte] }
            let digits = String(byte, radix: 8)
            return Array(("\\" + String(repeating: "0", count: 3 - digits.count) + digits).utf8)
        }
    }

    @Test("a mount point is read back byte for byte, whatever its name")
    func mountPoints() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            let name = [0x2F] + NameTests.hostileBytes(&random)
            let source = NameTests.hostileBytes(&random) + [0x78]
            let line = Array("36 35 98:0 ".utf8) + escape(name) + [0x20] + escape(name) + Array(" rw,nosuid master:1 - tmpfs ".utf8) + escape(source) + Array(" rw,x=1".utf8)
            let mount = try #require(MountInfo(line: Substring(String(osBytes: line))))
            try #require(mount.mountPoint.osBytes == name, "\(name) \(mount.mountPoint.osBytes)")
            try #require(mount.root.osBytes == name && mount.source.osBytes == source)
            #expect(mount.type == "tmpfs" && mount.options == ["rw", "nosuid"] && mount.propagates)
        }
    }

    @Test("lines without the documented shape are refused, never misread", arguments: [
        "", " ", "1", "1 2 3:4 / / rw", "1 2 3:4 / / rw - tmpfs", "x 2 3:4 / / rw - tmpfs tmpfs rw", "1 2 3:4 / / rw shared:1 tmpfs tmpfs rw x",
    ])
    func shapes(_ line: String) { #expect(MountInfo(line: Substring(line)) == nil) }

    @Test("an unfinished escape stays as it is", arguments: ["/a\\", "/a\\0", "/a\\04", "/a\\999", "/a\\048"])
    func unfinishedEscapes(_ name: String) {
        let mount = MountInfo(line: Substring("1 2 3:4 / \(name) rw - tmpfs tmpfs rw"))
        #expect(mount?.mountPoint == name)
    }

    @Test("a status that cannot be read counts as every capability")
    func statusFailsClosed() {
        let status = ProcessStatus(text: "CapEff:\tzz\nCapBnd:\t\nNoNewPrivs:\tyes\nSeccomp:\t-\nUid:\t1 2 x 4\n")
        #expect(status.effective == .max && status.bounding == .max && !status.noNewPrivileges && status.seccompMode == 0)
    }

    @Test("the status of this process is read")
    func ownStatus() throws {
        let status = try ProcessStatus.read()
        #expect(status.uids.count == 4 && status.gids.count == 4 && status.threads >= 1)
    }
}
