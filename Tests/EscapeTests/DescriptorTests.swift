import CLinux
import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct DescriptorTests {
    @Test("descriptors that the caller has left open do not reach the command", arguments: TestIdentity.all)
    func leftovers(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let directory = try Descriptor.open("/", O_RDONLY | O_DIRECTORY)
        let file = try Descriptor.open("/etc/hostname", O_RDONLY)
        let outcome = try place.coop(
            ["run", "--", try place.armed(), "descriptor_open"],
            descriptors: [3: directory.number, 4: file.number, 7: directory.number, 99: file.number])
        #expect(AttackResult(outcome).isRefused, "\(outcome)")
        let parents = try place.coop(
            ["run", "--", try place.armed(), "descriptor_parent"], descriptors: [3: directory.number, 5: directory.number])
        #expect(AttackResult(parents).isRefused, "\(parents)")
    }

    @Test("a directory as a standard stream is refused: it would lead to the host's root", arguments: TestIdentity.all)
    func directories(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let directory = try Descriptor.open(place.project, O_RDONLY | O_DIRECTORY)
        for number in [Int32(0), 1, 2] where number != 2 {
            let child = try place.start(
                ["run", "--", "/bin/ls", "/proc/self/fd/\(number)/../.."], input: number == 0 ? .descriptor(directory.number) : .null,
                output: number == 1 ? directory.number : nil)
            let outcome = try child.wait()
            #expect(outcome.exitCode == 126 && outcome.error.contains("directory"), "\(outcome)")
        }
    }

    @Test("devices as standard streams are refused", arguments: TestIdentity.all)
    func devices(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for path in ["/dev/full", "/dev/zero"] {
            let device = try Descriptor.open(path, O_RDWR)
            let input = try place.coop(["run", "--", "/bin/true"], input: .descriptor(device.number))
            #expect(input.exitCode == 126 && input.error.contains("device"), "\(input)")
            let output = try place.start(["run", "--", "/bin/true"], output: device.number).wait()
            #expect(output.exitCode == 126 && output.error.contains("device"), "\(output)")
        }
    }

    @Test("a socket of the host is relayed, never handed over", arguments: TestIdentity.all)
    func sockets(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        let (ours, theirs) = (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
        let child = try place.start(["run", "--", try place.armed(), "stdin_kind"], input: .descriptor(theirs.number))
        let outcome = try child.wait()
        #expect(AttackResult(outcome).isRefused, "\(outcome)")
        withExtendedLifetime(ours) {}
    }

    @Test("a file that is passed for reading cannot be opened again for writing", arguments: TestIdentity.all)
    func reopening(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let path = try place.write(place.root + "/input.txt", "precious")
        let file = try Descriptor.open(path, O_RDONLY)
        try place.expectRefused(["descriptor_rewrite"], input: .descriptor(file.number), control: .without("landlock"))
    }

    /// The right to empty a file came with version 3 of Landlock, Linux 6.2.
    private static let watchesTruncation = coop_landlock_abi() >= 3

    @Test("a file that is passed for reading cannot be emptied", .enabled(if: watchesTruncation), arguments: TestIdentity.all)
    func emptying(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let path = try place.write(place.root + "/input.txt", "precious")
        let file = try Descriptor.open(path, O_RDONLY)
        #expect(try place.attack(["descriptor_truncate"], input: .descriptor(file.number)).isRefused)
        #expect(String(osBytes: try FileSystem.read(path)) == "precious")
        #expect(try place.attack(["descriptor_truncate"], omitting: "landlock", input: .descriptor(file.number)).hasWorked)
    }

    @Test("a file, or a pipe with a name, that is passed for writing cannot be read", arguments: TestIdentity.all, ["file", "pipe"])
    func reading(_ identity: TestIdentity, _ kind: String) throws {
        let place = try Sandboxed(identity)
        let path = place.root + "/log.txt"
        if kind == "file" { try place.write(path, "precious\n") } else { _ = try place.outside(["/usr/bin/mkfifo", path]) }
        // Kept open, so that a pipe has a reader, and something to read.
        let whole = try Descriptor.open(path, O_RDWR | O_NONBLOCK)
        if kind == "pipe" { #expect(write(whole.number, "precious\n", 9) == 9) }
        let log = try Descriptor.open(path, O_WRONLY | O_APPEND)
        let program = try place.armed()
        func attack(_ environment: [String: String]) throws -> AttackResult {
            AttackResult(
                try place.start(["run", "--", program, "descriptor_reread"], environment: environment, error: log.number).wait())
        }
        #expect(try attack([:]).isRefused)
        let without = try attack(["COOP_TEST_OMIT": "landlock"])
        #expect(without.hasWorked, "\(without)")
        withExtendedLifetime(whole) {}
    }

    @Test("a file that is read-only or hidden inside is not passed: it lies where the command may write", arguments: TestIdentity.all)
    func guarded(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        _ = try place.outside(["/usr/bin/git", "init", "-q"])
        let program = try place.armed()
        try place.write(".vscode/settings.json", "precious")
        try place.write("hidden/file", "precious")
        try place.write("data.txt", "plain")
        // Other names of the same: a link to a directory, and a second name that has lost the first.
        try check("symlink") { symlink(place(".vscode"), place.root + "/way") }
        try place.write(".vscode/first", "precious")
        let options = ["--network", "none", "-m", place("hidden") + ":ro"]
        let started = try place.coop(["run", "-d"] + options + ["--", "sleep", "1000"])
        let id = try #require(started.output.split(separator: "\n").last.map(String.init), "\(started)")
        for path in [place(".vscode/settings.json"), place.root + "/way/settings.json", place("hidden/file"), place(".git/config")] {
            let before = try FileSystem.read(path)
            let file = try Descriptor.open(path, O_RDONLY)
            let run = try place.run([program, "descriptor_rewrite"], options: options, input: .descriptor(file.number))
            let further = try place.coop(["exec", id, "--", program, "descriptor_rewrite"], input: .descriptor(file.number))
            for outcome in [run, further] {
                #expect(
                    outcome.exitCode == 126 && outcome.error.contains("read-only or hidden inside")
                        && outcome.error.contains("Next: use a pipe"), "\(path): \(outcome)")
            }
            #expect(try FileSystem.read(path) == before)
        }
        let lost = try Descriptor.open(place(".vscode/first"), O_RDONLY)
        try check("link") { link(place(".vscode/first"), place(".vscode/second")) }
        try check("unlink") { unlink(place(".vscode/first")) }
        #expect(try place.run([program, "descriptor_rewrite"], options: options, input: .descriptor(lost.number)).exitCode == 126)
        // What the command may write anyway it may have, as what has no name at all.
        let own = try Descriptor.open(place("data.txt"), O_RDONLY)
        #expect(try place.attack(["descriptor_rewrite"], input: .descriptor(own.number)).hasWorked)
        #expect(try place.coop(["exec", id, "--", "cat"], input: .descriptor(own.number)).exitCode == 0)
        let here = "\"\(try BuiltPrograms.coop())\" run --network none -- cat <<END\n\(String(repeating: "x", count: 100_000))\nEND\n"
        #expect(try place.outside(["/bin/bash", "-c", here]).output.utf8.count == 100_001)
        #expect(try place.coop(["stop", id]).exitCode == 0)
    }

    @Test("a file that is hidden inside is not passed for writing, since it could be read", arguments: TestIdentity.all)
    func hiddenLog(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.configure("[sandbox]\nexcludes = [\"private\"]\n")
        for name in ["private/log", "log"] { try place.write(name, "precious\n") }
        let program = try place.armed()
        func attack(_ name: String) throws -> ChildProcess.Outcome {
            let log = try Descriptor.open(place(name), O_WRONLY | O_APPEND)
            return try place.start(["run", "--network", "none", "--", program, "descriptor_reread"], error: log.number).wait()
        }
        #expect(try attack("private/log").exitCode == 126)
        let said = try place.text("private/log")
        #expect(said.hasPrefix("precious\n") && said.contains("read-only or hidden inside") && said.contains("Next: use a pipe"), "\(said)")
        // One that root has opened where its user may not go is another's, unless it lies there.
        if getuid() == 0, place.identity != .root {
            try place.makeDirectory("private/closed")
            for directory in [place("private/closed"), place.root + "/closed"] {
                try FileSystem.makeDirectories(directory)
                try check("chown") { chown(directory, 0, 0) }
                try check("chmod") { chmod(directory, 0o700) }
                let log = try Descriptor.open(directory + "/log", O_WRONLY | O_CREAT, mode: 0o666)
                let outcome = try place.start(["run", "--network", "none", "--", "true"], error: log.number).wait()
                #expect(outcome.exitCode == (directory == place("private/closed") ? 126 : 0), "\(outcome)")
            }
        }
        // A log of the workspace, which the command may read anyway.
        let own = try attack("log")
        #expect(AttackResult(own).hasWorked, "\(own)")
    }

    @Test("nor by a second mount of the workspace on the host")
    func guardedElsewhere() throws {
        let place = try Sandboxed(.root)
        let program = try place.armed()
        try place.write(".vscode/settings.json", "precious")
        let script = """
            mkdir "\(place.root)/again" && mount --bind "\(place.project)" "\(place.root)/again" || exit 99
            "\(try BuiltPrograms.coop())" run --network none -- "\(program)" descriptor_rewrite < "\(place.root)/again/.vscode/settings.json"
            """
        let outcome = try place.outside(["/usr/bin/unshare", "-m", "/bin/sh", "-c", script])
        #expect(outcome.exitCode == 126, "\(outcome)")
        #expect(try place.text(".vscode/settings.json") == "precious")
    }

    @Test("the mode of a file that is passed for reading cannot be changed", arguments: TestIdentity.all)
    func changingMode(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let path = try place.write(place.root + "/input.txt", "precious", mode: 0o600)
        let file = try Descriptor.open(path, O_RDONLY)
        let result = try place.attack(["chmod_stdin"], input: .descriptor(file.number))
        // The file itself is handed over, so its owner can change it: docs/security.md.
        withKnownIssue { #expect(result.isRefused, "\(result)") }
    }
}
