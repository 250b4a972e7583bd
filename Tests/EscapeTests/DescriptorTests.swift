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
            ["run", "--", try place.armed(), "descriptor_open"], descriptors: [3: directory.number, 4: file.number, 7: directory.number, 99: file.number])
        #expect(AttackResult(outcome).isRefused, "\(outcome)")
        let parents = try place.coop(["run", "--", try place.armed(), "descriptor_parent"], descriptors: [3: directory.number, 5: directory.number])
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
