import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Synchronization
import TestSupport
import Testing

@testable import Sandbox

@Suite struct SessionDirectoryTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var run: String { directory.path }

    @Test("ids are twelve letters and digits that begin with a letter, and do not repeat")
    func ids() {
        var seen = Set<String>()
        for _ in 0..<2000 {
            let id = SessionDirectory.newID()
            #expect(
                id.utf8.count == 12 && id.first?.isLetter == true
                    && id.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x32 && $0 <= 0x39) })
            #expect(seen.insert(id).inserted)
        }
    }

    @Test("a live directory cannot be adopted, a left one can, once")
    func adopt() throws {
        var live: SessionDirectory? = try SessionDirectory.create(in: run, id: "abcdefgh")
        let path = try #require(live?.path)
        #expect(try FileSystem.status(path).map { $0.st_mode & 0o777 } == 0o700)
        #expect(try SessionDirectory.adopt(run: run, id: "abcdefgh") == nil)
        try live?.recordCgroups(["/a b", "/c"])
        live = nil
        // A child of another test that has not executed yet holds a copy of the lock.
        var adopted: SessionDirectory?
        try Deadline.poll(seconds: 60) {
            adopted = try SessionDirectory.adopt(run: run, id: "abcdefgh")
            return adopted != nil
        }
        let remains = try #require(adopted)
        #expect(try SessionDirectory.adopt(run: run, id: "abcdefgh") == nil, "another command is at it")
        #expect(try remains.recordedCgroups() == ["/a b", "/c"])
        try remains.remove()
        try remains.remove()
        #expect(FileSystem.kind(path) == nil)
        #expect(try SessionDirectory.adopt(run: run, id: "abcdefgh") == nil)
    }

    @Test("a record of cgroups that cannot be written does not cost the one before, and those of an import are beside it")
    func cgroupRecord() throws {
        let session = try SessionDirectory.create(in: run, id: "abcdefgh")
        try session.recordCgroups(["/a"])
        try FileSystem.makeDirectories(session.file("cgroups.new"))
        #expect(throws: CoopError.self) { try session.recordCgroups(["/b"]) }
        try SessionDirectory.recordImportCgroups(["/c"], in: session.path)
        #expect(try session.recordedCgroups() == ["/a", "/c"])
        try session.remove()
    }

    @Test("of many commands that sweep at once exactly one gets each remains")
    func race() async throws {
        let names = (0..<20).map { "sweep\($0)" }
        for name in names { _ = try SessionDirectory.create(in: run, id: name) }
        let run = self.run
        let adopted = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var mine: [String] = []
                    // Until nothing is left: copies of the locks may be held as above.
                    try Deadline.poll(seconds: 60) {
                        for name in try SessionDirectory.directories(in: run).shuffled() {
                            guard let remains = try SessionDirectory.adopt(run: run, id: name) else { continue }
                            mine.append(name)
                            try remains.remove()
                        }
                        return try SessionDirectory.directories(in: run).isEmpty
                    }
                    return mine
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(adopted.sorted() == names.sorted())
        #expect(try FileSystem.list(run).isEmpty)
    }

    @Test("a sweep beside many starts never takes a directory that is being made")
    func raceWithCreation() async throws {
        let run = self.run
        let isDone = Flag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { isDone.raise() }
                var kept: [SessionDirectory] = []
                for number in 0..<200 { kept.append(try SessionDirectory.create(in: run, id: "made\(number)")) }
                for session in kept { #expect(FileSystem.kind(session.path) == .directory) }
                isDone.raise()
                for session in kept { try session.remove() }
            }
            group.addTask {
                while !isDone.isRaised {
                    for name in try SessionDirectory.directories(in: run) {
                        let adopted = try SessionDirectory.adopt(run: run, id: name)
                        if adopted != nil, !isDone.isRaised { Issue.record("\(name) was taken while it lived") }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try FileSystem.list(run).isEmpty)
    }

    @Test("two sandboxes cannot have one id, and what is half made is not listed")
    func twice() throws {
        let first = try SessionDirectory.create(in: run, id: "same")
        #expect(throws: (any Error).self) { try SessionDirectory.create(in: run, id: "same") }
        #expect(try SessionDirectory.ids(in: run) == ["same"])
        try first.remove()
        #expect(try SessionDirectory.ids(in: run + "/nothing") == [])
    }

    @Test("a name that is a link, a file or leads elsewhere is not adopted")
    func odd() throws {
        try directory.file("file")
        try directory.link("link", to: "/")
        for name in ["file", "link", "gone"] { #expect(try SessionDirectory.adopt(run: run, id: name) == nil, "\(name)") }
        #expect(try FileSystem.list(run).sorted() == ["file", "link"])
    }

    @Test("a removal that was killed is finished")
    func halfRemoved() throws {
        _ = try directory.directory("nolock")
        try directory.file("nolock/session.json")
        #expect(try SessionDirectory.adopt(run: run, id: "nolock") == nil)
        #expect(try FileSystem.list(run).isEmpty)
    }

    @Test("what was killed while being made goes after an hour, whatever it got to")
    func halfMade() throws {
        for name in [".young", ".old"] {
            let path = try directory.directory(name)
            try directory.file(name + "/lock.new")
            guard name == ".old" else { continue }
            var times = [timespec(tv_sec: time(nil) - 4000, tv_nsec: 0), timespec(tv_sec: time(nil) - 4000, tv_nsec: 0)]
            try check("utimensat") { utimensat(AT_FDCWD, path, &times, 0) }
        }
        for name in [".young", ".old"] { #expect(try SessionDirectory.adopt(run: run, id: name) == nil) }
        #expect(try FileSystem.list(run) == [".young"])
    }

    @Test("the record appears as a whole, and the control socket also at the end of a very long path")
    func socket() throws {
        let long = try directory.directory(String(repeating: "d/", count: 100) + "run")
        let session = try SessionDirectory.create(in: long, id: "abcdefgh")
        #expect(try SessionDirectory.record(run: long, id: "abcdefgh") == nil)
        try session.publish([1, 2, 3])
        try session.publish([4])
        #expect(try SessionDirectory.record(run: long, id: "abcdefgh") == [4])
        let server = try session.listen()
        let client = try SessionDirectory.connect(run: long, id: "abcdefgh")
        let accepted = Descriptor(owning: try check("accept") { coop_accept(server.number) })
        try client.writeAll([7])
        var byte: UInt8 = 0
        #expect(read(accepted.number, &byte, 1) == 1 && byte == 7)
        #expect(throws: (any Error).self) { try SessionDirectory.connect(run: long, id: "other") }
        try session.remove()
    }
}

/// A sign between tasks.
private final class Flag: Sendable {
    private let value = Mutex(false)
    var isRaised: Bool { value.withLock { $0 } }
    func raise() { value.withLock { $0 = true } }
}
