import Glibc
import LinuxKernel
import TestSupport
import Testing

/// The main job on real input: CPython's own regression tests, by an ordinary user, in a sandbox.
///
/// They start thousands of processes, open terminals, sockets, databases and archives, and know exactly what Linux should
/// answer. What differs is written down here: in a user namespace with few ids, the kernel answers a change to an
/// identity that does not exist there with EINVAL instead of EPERM (user_namespaces(7)), which the tests of becoming
/// `nobody` do not expect.
@Suite struct RealProjectTests {
    /// An installed CPython that brings its own tests, as pyenv builds it.
    static let interpreter: (root: String, name: String)? = {
        let home = getenv("HOME").map { String(osBytes: UnsafePointer($0)) } ?? "/root"
        let versions = (getenv("PYENV_ROOT").map { String(osBytes: UnsafePointer($0)) } ?? home + "/.pyenv") + "/versions"
        // Nobody has pyenv on every machine: absence is the meaning.
        for name in ((try? FileSystem.list(versions)) ?? []).sorted().reversed() where name.hasPrefix("3.11.") || name.hasPrefix("3.10.") {
            let python = "python" + name.split(separator: ".").prefix(2).joined(separator: ".")
            if FileSystem.kind("\(versions)/\(name)/lib/\(python)/test/test_json") == .directory { return ("\(versions)/\(name)", python) }
        }
        return nil
    }()

    @Test("CPython's own tests pass in a sandbox", .enabled(if: interpreter != nil), arguments: TestIdentity.ordinary.suffix(1))
    func regression(_ identity: TestIdentity) throws {
        let python = try #require(Self.interpreter)
        let place = try Sandboxed(identity)
        let copied = try ChildProcess.run([
            "/bin/sh", "-c",
            """
            cd "$1" && tar cf - --exclude=site-packages --exclude=__pycache__ --exclude='config-3*' --exclude='*.a' bin lib | tar xf - -C "$2" &&
            chown -R "$3:$4" "$2"
            """, "sh", python.root, place.project, String(identity.user), String(identity.group),
        ])
        #expect(copied.exitCode == 0, "\(copied)")
        let outcome = try place.run(
            [
                "bin/" + python.name, "-m", "test", "-j2", "-i", "test_user", "-i", "test_group",
                "test_json", "test_subprocess", "test_pty", "test_tempfile", "test_glob", "test_fork1", "test_wait4", "test_pipes",
                "test_sqlite3", "test_zlib", "test_select", "test_poll", "test_epoll", "test_fcntl", "test_queue", "test_posixpath",
            ], timeout: 900)
        #expect(outcome.exitCode == 0 && outcome.output.contains("SUCCESS") && !outcome.timedOut, "\(outcome)")
        #expect(try place.remains() == [])
    }
}
