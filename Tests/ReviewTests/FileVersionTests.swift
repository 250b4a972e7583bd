import LinuxKernel
import Review
import Testing

@Suite struct FileVersionTests {
    @Test func aFileIsReadAnewEachTime() throws {
        let path = "/proc/self/comm"
        let version = FileVersion(kind: .file, mode: 0o644) { try Descriptor.open(path, 0) }
        let first = try version.open().readAll(limit: 100)
        #expect(try version.open().readAll(limit: 100) == first)
    }
}
