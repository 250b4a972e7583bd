import CoopErrors
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import Audit

/// A log that cannot be written says so at once, and goes on saying so.
@Suite struct FailureTests {
    private func expectFailure(_ part: String, _ location: SourceLocation = #_sourceLocation, _ body: () throws -> Void) {
        #expect(sourceLocation: location) {
            try body()
        } throws: { error in
            guard let error = error as? CoopError else { return false }
            return error.message.contains(part) && error.next != nil
        }
    }

    @Test("a directory or file that was removed or replaced while it was in use")
    func replaced() throws {
        for name in ["", "lock", "tip", "synced", "audit-000001.jsonl"] {
            let scratch = try Scratch()
            let log = try scratch.fill(3)
            let path = name.isEmpty ? scratch.log : scratch.file(name)
            try FileSystem.rename(path, to: scratch.path + "/moved")
            if name.isEmpty { try FileSystem.makeDirectories(path) } else { try scratch.write(name, []) }
            expectFailure("was removed or replaced while it was in use") { try log.append(Scratch.entry(4)) }
        }
        let scratch = try Scratch()
        let log = try scratch.fill(3)
        try FileSystem.removeTree(scratch.log)
        expectFailure("was removed or replaced while it was in use") { try log.append(Scratch.entry(4)) }
        #expect(FileSystem.kind(scratch.log) == nil, "nothing is made behind the user's back")
    }

    @Test("the asynchronous writer fails for good")
    func sticky() throws {
        let scratch = try Scratch()
        let writer = try AuditWriter(log: AuditLog(directory: scratch.log))
        try FileSystem.rename(scratch.log, to: scratch.path + "/moved")
        _ = try writer.submit(Scratch.entry(1))
        var watched = pollfd(fd: writer.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&watched, 1, 60_000) == 1)
        try FileSystem.rename(scratch.path + "/moved", to: scratch.log)
        for _ in 0..<3 {
            expectFailure("was removed or replaced") { _ = try writer.acknowledged() }
            expectFailure("was removed or replaced") { _ = try writer.submit(Scratch.entry(2)) }
            #expect(poll(&watched, 1, 0) == 1, "whoever polls again is told again")
        }
        expectFailure("was removed or replaced") { try writer.close() }
        #expect(try scratch.verify().isIntact)
    }

    @Test("links, directories, fifos and further names in the place of a file are refused, and nothing is written through them")
    func planted() throws {
        for name in ["key", "lock", "tip", "synced", "audit-000001.jsonl"] {
            for kind in ["link", "directory", "fifo", "name"] {
                let scratch = try Scratch()
                try scratch.fill(3)
                let target = scratch.path + "/target"
                try FileSystem.rename(scratch.file(name), to: target)
                let before = try FileSystem.read(target)
                let code: Int32 = scratch.file(name).withOSBytes { path in
                    switch kind {
                    case "link": target.withOSBytes { symlink($0, path) }
                    case "directory": mkdir(path, 0o700)
                    case "fifo": mkfifo(path, 0o600)
                    default: target.withOSBytes { link($0, path) }
                    }
                }
                #expect(code == 0)
                expectFailure("not a file of coop's") { try AuditLog(directory: scratch.log).append(Scratch.entry(4)) }
                expectFailure("not a file of coop's") { _ = try scratch.verify() }
                #expect(try FileSystem.read(target) == before)
            }
        }
        let scratch = try Scratch()
        try FileSystem.makeDirectories(scratch.path + "/elsewhere")
        #expect(symlink(scratch.path + "/elsewhere", scratch.log) == 0)
        expectFailure("is not a directory") { _ = try AuditLog(directory: scratch.log) }
        expectFailure("is not a directory") { _ = try scratch.verify() }
        #expect(try FileSystem.list(scratch.path + "/elsewhere").isEmpty)
    }

    @Test(
        "files that others may read are refused, with the command that helps", arguments: ["", "key", "lock", "tip", "audit-000001.jsonl"])
    func mode(_ name: String) throws {
        let scratch = try Scratch()
        try scratch.fill(3)
        let path = name.isEmpty ? scratch.log : scratch.file(name)
        #expect(chmod(path, name.isEmpty ? 0o750 : 0o640) == 0)
        #expect {
            try AuditLog(directory: scratch.log).append(Scratch.entry(4))
        } throws: { error in
            (error as? CoopError)?.next == "chmod \(name.isEmpty ? "700" : "600") \(path)"
        }
    }

    @Test("everything is made for the owner alone, whatever the umask")
    func modes() throws {
        let scratch = try Scratch()
        try scratch.fill(30, limits: AuditLimits(fileSize: 2000))
        #expect(try FileSystem.status(scratch.log)?.st_mode ?? 0 & 0o7777 == S_IFDIR | 0o700)
        for name in try FileSystem.list(scratch.log) {
            #expect(try FileSystem.status(scratch.file(name))?.st_mode ?? 0 == S_IFREG | 0o600, "\(name)")
        }
    }

    @Test("somebody else's files", .enabled(if: getuid() == 0))
    func owner() throws {
        for name in ["", "key", "tip"] {
            let scratch = try Scratch()
            try scratch.fill(3)
            #expect(chown(name.isEmpty ? scratch.log : scratch.file(name), 12345, 12345) == 0)
            expectFailure("belongs to user 12345") { try AuditLog(directory: scratch.log).append(Scratch.entry(4)) }
        }
    }

    @Test("a damaged key")
    func key() throws {
        let scratch = try Scratch()
        try scratch.fill(3)
        try scratch.write("key", [1, 2, 3])
        expectFailure("has 3 bytes, and a key has 32") { _ = try AuditLog(directory: scratch.log) }
    }

    @Test("a limit on the size of files: what was begun is taken back, and the log stays whole")
    func fileSizeLimit() throws {
        let program = try CrashTests.program()
        for limit in [1, 5, 33, 100] {
            let scratch = try Scratch()
            let outcome = try ChildProcess.run([
                "/bin/bash", "-c", "trap '' XFSZ; ulimit -f \(limit); exec \"$@\"", "sh", program, "writer", "--directory", scratch.log,
                "--entries", "100000", "--talkative", "1",
            ])
            #expect(outcome.exitCode == 1 && outcome.error.contains("cannot write the audit log"), "\(outcome)")
            #expect(outcome.error.contains("File too large"))
            let found = try scratch.verify()
            #expect(found.isIntact && found.notes.isEmpty, "\(found)")
            let acknowledged = outcome.output.split(separator: "\n").last.flatMap { UInt64($0.split(separator: " ")[1]) } ?? 0
            #expect(found.entries >= acknowledged)
            // With room again it goes on.
            try AuditLog(directory: scratch.log).append(Scratch.entry(1), durable: true)
            #expect(try scratch.verify().isIntact)
        }
    }

    @Test("a full disk, and a disk that became read-only", .enabled(if: getuid() == 0))
    func fullDisk() throws {
        let scratch = try Scratch()
        let program = try CrashTests.program()
        // In a mount namespace of its own, which takes the small disk with it.
        let script = """
            set -e
            mount -t tmpfs -o size=512k,mode=700 none "$1"
            if "$2" writer --directory "$1/audit" --entries 100000 --talkative 1 > "$1/../acknowledged"; then echo "it did not fail"; fi
            "$2" verify --directory "$1/audit"
            : > "$1/audit/key.new"; mount -o remount,size=1m "$1"
            "$2" writer --directory "$1/audit" --entries 10
            "$2" verify --directory "$1/audit"
            mount -o remount,ro "$1"
            if "$2" writer --directory "$1/audit" --entries 10; then echo "it did not fail"; fi
            "$2" verify --directory "$1/audit"
            """
        try FileSystem.makeDirectories(scratch.path + "/disk")
        let outcome = try ChildProcess.run(["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, "sh", scratch.path + "/disk", program])
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(outcome.error.contains("No space left on device") && outcome.error.contains("Read-only file system"), "\(outcome)")
        #expect(outcome.output.split(separator: "\n").filter { $0.hasPrefix("intact ") }.count == 3, "\(outcome)")
        #expect(!outcome.output.contains("did not fail"))
    }

    @Test("a lock is never left behind by a killed process")
    func lock() throws {
        let scratch = try Scratch()
        try scratch.fill(3)
        let holder = try ChildProcess(["/usr/bin/flock", scratch.file("lock"), "/bin/sh", "-c", "echo held; exec sleep 1000"])
        #expect(try holder.waitForOutput("held"))
        holder.signal(SIGKILL)
        _ = try holder.wait()
        // flock(1) and its child share the lock; the session that the test kills has both.
        kill(-holder.pid, SIGKILL)
        try AuditLog(directory: scratch.log).append(Scratch.entry(4))
        #expect(try scratch.verify().isIntact)
    }
}
