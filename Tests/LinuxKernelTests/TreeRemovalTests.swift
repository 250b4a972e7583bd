import Glibc
import LinuxKernel
import Testing

@Suite struct TreeRemovalTests {
    private func temporary() throws -> String {
        var template = Array("/tmp/coop-removal-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func nest(_ levels: Int, in path: String, file: String? = nil) throws {
        var directory = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
        for _ in 0..<levels {
            if let file { _ = Descriptor(owning: openat(directory.number, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)) }
            try check("mkdirat") { mkdirat(directory.number, "d", 0o755) }
            directory = Descriptor(owning: try check("openat") { openat(directory.number, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
        }
    }

    @Test("a tree of any depth, on a small stack")
    func deep() throws {
        let root = try temporary()
        try FileSystem.makeDirectories(root + "/tree/beside")
        try nest(20_000, in: root + "/tree", file: "file")
        try nest(100, in: root + "/tree/beside")
        let failure = try onSmallStack { try FileSystem.removeTree(root + "/tree") }
        #expect(failure == nil)
        #expect(try FileSystem.list(root) == [])
        try FileSystem.removeDirectory(root)
    }

    @Test("what cannot be reached is not taken for removed; what is not there is")
    func unreachable() throws {
        let root = try temporary()
        #expect(symlink("loop", root + "/loop") == 0)
        #expect(throws: SystemError.self) { try FileSystem.removeTree(root + "/loop/tree") }
        try FileSystem.replace(root + "/file", with: "x".utf8)
        for path in ["/none", "/none/tree", "/file/tree"] { try FileSystem.removeTree(root + path) }
        try FileSystem.removeTree(root)
        #expect(FileSystem.kind(root) == nil)
    }

    /// Calls `body` in a thread with 256 KiB of stack, and says how it failed.
    private func onSmallStack(_ body: @escaping () throws -> Void) throws -> String? {
        final class Job {
            let body: () throws -> Void
            var failure: String?
            init(_ body: @escaping () throws -> Void) { self.body = body }
        }
        let job = Job(body)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, 256 << 10)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                let job = Unmanaged<Job>.fromOpaque(argument).takeUnretainedValue()
                do { try job.body() } catch { job.failure = "\(error)" }
                return nil
            }, Unmanaged.passUnretained(job).toOpaque())
        guard code == 0 else { throw SystemError("pthread_create", errno: code) }
        pthread_join(thread, nil)
        return withExtendedLifetime(job) { job.failure }
    }

    @Test("links are removed, what they lead to stays, and rights are no hindrance")
    func linksAndRights() throws {
        let root = try temporary()
        defer { try? FileSystem.removeTree(root) }
        try FileSystem.makeDirectories(root + "/kept/inner")
        try FileSystem.makeDirectories(root + "/tree/a/b/c")
        try check("symlink") { symlink(root + "/kept", root + "/tree/a/link") }
        try check("symlink") { symlink("..", root + "/tree/a/b/c/up") }
        try check("symlink") { symlink("nowhere", root + "/tree/dangling") }
        for path in ["/tree/a/b/c", "/tree/a/b", "/tree/a", "/tree"] { try check("chmod") { chmod(root + path, 0) } }
        try FileSystem.removeTree(root + "/tree")
        #expect(try FileSystem.list(root) == ["kept"])
        #expect(FileSystem.kind(root + "/kept/inner") == .directory)
        // A link in the place of the tree itself, a file, and nothing.
        try check("symlink") { symlink(root + "/kept", root + "/tree") }
        try FileSystem.removeTree(root + "/tree")
        try FileSystem.replace(root + "/file", with: [1])
        try FileSystem.removeTree(root + "/file")
        try FileSystem.removeTree(root + "/file")
        try FileSystem.removeTree(root + "/not/there")
        #expect(try FileSystem.list(root) == ["kept"])
    }

    @Test("two at once remove the same tree, and neither fails")
    func together() async throws {
        for _ in 0..<8 {
            let root = try temporary()
            for name in ["a", "b", "c", "d"] {
                try FileSystem.makeDirectories("\(root)/tree/\(name)")
                try nest(100, in: "\(root)/tree/\(name)", file: "file")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { try FileSystem.removeTree(root + "/tree") } }
                try await group.waitForAll()
            }
            #expect(try FileSystem.list(root) == [])
            try FileSystem.removeDirectory(root)
        }
    }

    @Test("a failure names what could not be removed")
    func failures() throws {
        let name = "/tmp/" + String(repeating: "x", count: 300)
        #expect(throws: SystemError("unlink", name, errno: ENAMETOOLONG)) { try FileSystem.removeTree(name) }
    }
}
