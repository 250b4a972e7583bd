import Glibc
import LinuxKernel
import Testing

@Suite struct TrashTests {
    private func withDirectory(in parent: String, _ body: (_ path: String) throws -> Void) throws {
        var template = Array("\(parent)/coop-trash-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { try? FileSystem.removeTree(path) }
        try body(path)
    }

    @Test("what another process is removing is left to it, and what nobody holds goes")
    func held() throws {
        try withDirectory(in: "/tmp") { path in
            let trash = Trash(directory: path + "/removed")
            try trash.empty()
            for name in ["held", "left"] { try FileSystem.makeDirectories("\(path)/removed/\(name)/deep") }
            let held = try Descriptor.open(path + "/removed/held", O_RDONLY | O_DIRECTORY)
            try check("flock") { flock(held.number, LOCK_EX | LOCK_NB) }
            try trash.empty()
            #expect(try FileSystem.list(path + "/removed") == ["held"])
            // Nor is what is held under its own name taken away from whoever holds it.
            try FileSystem.makeDirectories(path + "/own/deep")
            let own = try Descriptor.open(path + "/own", O_RDONLY | O_DIRECTORY)
            try check("flock") { flock(own.number, LOCK_EX | LOCK_NB) }
            #expect(throws: SystemError("flock", path + "/own", errno: EWOULDBLOCK)) { try trash.remove(path + "/own") }
            try check("flock") { flock(own.number, LOCK_UN) }
            try trash.remove(path + "/own")
            #expect(FileSystem.kind(path + "/own") == nil)
            #expect(throws: SystemError("open", path + "/own", errno: ENOENT)) { try trash.remove(path + "/own") }
        }
    }

    @Test("a directory on another disk goes as well")
    func elsewhere() throws {
        try withDirectory(in: "/tmp") { path in
            try withDirectory(in: "/dev/shm") { other in
                try FileSystem.makeDirectories(other + "/session/deep")
                try Trash(directory: path + "/removed").remove(other + "/session")
                #expect(try FileSystem.list(other) == [])
                // By a link of the user's, which goes with what it leads to.
                try FileSystem.makeDirectories(other + "/session/deep")
                try check("symlink") { symlink(other + "/session", path + "/link") }
                try Trash(directory: path + "/removed").remove(path + "/link")
                #expect(try FileSystem.list(other) == [] && FileSystem.kind(path + "/link", followLinks: false) == nil)
            }
        }
    }

    @Test("one that cannot be removed keeps none of the others")
    func stuck() throws {
        try withDirectory(in: "/tmp") { path in
            for name in ["a/deep", "m", "z/deep"] { try FileSystem.makeDirectories("\(path)/removed/\(name)") }
            try FileSystem.removeTree(path + "/removed/m")
            try FileSystem.create(path + "/removed/m", with: [])
            #expect(throws: SystemError("open", path + "/removed/m", errno: ENOTDIR)) { try Trash(directory: path + "/removed").empty() }
            #expect(try FileSystem.list(path + "/removed") == ["m"])
        }
    }

    @Test("on a full disk as well", .enabled(if: getuid() == 0))
    func full() throws {
        try withDirectory(in: "/tmp") { path in
            // Directories are counted: its root, and two more.
            try check("mount") { mount("none", path, "tmpfs", 0, "nr_inodes=3") }
            defer { umount2(path, Int32(MNT_DETACH)) }
            try FileSystem.makeDirectories(path + "/session/deep")
            #expect(mkdir(path + "/more", 0o700) != 0 && errno == ENOSPC)
            try Trash(directory: path + "/removed").remove(path + "/session")
            #expect(try FileSystem.list(path) == [])
        }
    }
}
