import Glibc
import LinuxKernel
import TestSupport
import Testing

/// One ordinary identity, where all of them would show the same.
private let anyone = TestIdentity.ordinary.first ?? .root

/// Docker, GPG and the display: sockets of the user's session that are relayed or bound.
@Suite struct ForwardTests {
    /// A server on a unix socket of the host that answers each connection, once it has been read to its end, with what it got in capitals.
    private static func server(_ place: Sandboxed, at path: String) throws -> ChildProcess {
        let script = """
            import socket, sys, os
            s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1] + ".new"); s.listen(16)
            os.rename(sys.argv[1] + ".new", sys.argv[1])  # there once it listens
            while True:
                c, _ = s.accept(); data = b""
                while True:
                    more = c.recv(65536)
                    if not more: break
                    data += more
                c.sendall(data.upper()); c.close()
            """
        let child = try place.startOutside(["/usr/bin/python3", "-c", script, path])
        guard Deadline.poll(seconds: 60, { FileSystem.kind(path) == .socket }) else { throw TestSupportError("no server") }
        return child
    }

    private static let client = """
        import socket, sys
        s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
        import threading
        threading.Thread(target=lambda: (s.sendall(b"a" * 1000000 + b"end"), s.shutdown(socket.SHUT_WR))).start()
        data = b""
        while True:
            more = s.recv(65536)
            if not more: break
            data += more
        print(len(data), data[-3:].decode())
        """

    @Test("a relayed socket refuses every other user, root included", .enabled(if: getuid() == 0 && TestIdentity.all.count > 1))
    func otherUsers() throws {
        let place = try Sandboxed(anyone)
        let host = place.root + "/docker.sock"
        let server = try Self.server(place, at: host)
        defer { server.signal(SIGTERM) }
        let started = try place.coop(
            ["run", "-d", "--network", "none", "--forward", "docker", "--", "sleep", "1000"],
            environment: ["DOCKER_HOST": "unix://" + host])
        let id = String(started.output.dropLast())
        #expect(started.exitCode == 0, "\(started)")
        // As wrong as its directories can be made by hand while connections can still be recorded.
        let directories = [place.coopHome, place.coopHome + "/run", "\(place.coopHome)/run/\(id)"]
        for path in directories { chmod(path, 0o711) }
        chmod(directories[2] + "/docker", 0o777)
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(60)
            try:
                s.sendall(b'words'); s.shutdown(socket.SHUT_WR)
                print('answer', s.recv(100))
            except (BrokenPipeError, ConnectionResetError, OSError): print('answer', b'')
            """
        for other in TestIdentity.all {
            let outcome = try ChildProcess.run(other.arguments(["/usr/bin/python3", "-c", script, directories[2] + "/docker"]))
            #expect(outcome.output == (other == place.identity ? "answer b'WORDS'\n" : "answer b''\n"), "\(other): \(outcome)")
        }
        for path in directories { chmod(path, 0o700) }
        #expect(try place.coop(["stop", id]).exitCode == 0)
        #expect(try place.sandboxIDs() == [])
    }

    @Test("docker's socket is relayed both ways to its end, and each connection recorded", arguments: TestIdentity.all)
    func docker(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let socket = place.root + "/docker.sock"
        let server = try Self.server(place, at: socket)
        defer { server.signal(SIGTERM) }
        try place.write("client.py", Self.client)
        let environment = ["DOCKER_HOST": "unix://" + socket]
        let without = try place.shell("echo \"<$DOCKER_HOST>\"; ls \(socket) /run/coop/forward", environment: environment)
        #expect(without.output == "<>\n", "\(without)")
        let outcome = try place.shell(
            "echo $DOCKER_HOST; python3 client.py ${DOCKER_HOST#unix://}; python3 client.py ${DOCKER_HOST#unix://}; ls \(socket)",
            options: ["--forward", "docker"], environment: environment)
        #expect(outcome.output == "unix:///run/coop/forward/docker\n1000003 END\n1000003 END\n", "\(outcome)")
        #expect(outcome.error.contains("coop: docker is forwarded: whatever runs inside can become root on this machine\n"), "\(outcome)")
        let log = try place.coop(["audit", "show", "--type", "forward"]).output
        #expect(log.ranges(of: "forward=docker action=connect").count == 2, "\(log)")
        // What cannot be recorded does not happen, and that is said once.
        let planted = try place.hostShell("mv \"$COOP_HOME/audit\" \"$COOP_HOME/kept\" && touch \"$COOP_HOME/audit\"")
        #expect(planted.exitCode == 0, "\(planted)")
        let closed = try place.shell(
            "for n in 1 2; do python3 client.py ${DOCKER_HOST#unix://} 2>/dev/null; done", options: ["--forward", "docker"],
            environment: environment)
        #expect(closed.exitCode == 0 && !closed.output.contains("END"), "\(closed)")
        #expect(closed.error.ranges(of: "coop: docker is refused to the sandbox: ").count == 1, "\(closed)")
        #expect(try place.hostShell("rm \"$COOP_HOME/audit\" && mv \"$COOP_HOME/kept\" \"$COOP_HOME/audit\"").exitCode == 0)
        let remote = try place.run(["true"], options: ["--forward", "docker"], environment: ["DOCKER_HOST": "tcp://192.0.2.1:2375"])
        #expect(remote.exitCode == 125 && remote.error.contains("DOCKER_HOST is no local socket"), "\(remote)")
        #expect(try place.sandboxIDs() == [])
    }

    @Test("gpg inside signs by the agent outside, whose secret keys it does not have", arguments: TestIdentity.all)
    func gpg(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let home = place.root + "/g"
        try check("mkdir", home) { mkdir(home, 0o700) }
        try place.give(home)
        place.environment["GNUPGHOME"] = home
        let extra = home + "/S.gpg-agent.extra"
        let agent = try place.startOutside(
            ["/usr/bin/gpg-agent", "--homedir", home, "--daemon", "--extra-socket", extra, "--", "/bin/sleep", "1000"])
        defer { agent.signal(SIGTERM) }
        guard Deadline.poll(seconds: 60, { FileSystem.kind(extra) == .socket }) else { throw TestSupportError("no gpg-agent") }
        let made = try place.hostShell(
            "gpg --batch --quiet --passphrase '' --quick-generate-key 'T <t@x>' ed25519 sign never && gpg --export > public.gpg")
        #expect(made.exitCode == 0, "\(made)")
        let outcome = try place.shell(
            """
            gpg --quiet --batch --import public.gpg; echo text | gpg --quiet --batch --local-user t@x --detach-sign > sig && echo signed
            find ~/.gnupg -name '*.key' | wc -l; gpg --batch --quiet --export-secret-keys t@x > secret; wc -c < secret
            """, options: ["--forward", "gpg"])
        #expect(outcome.output == "signed\n0\n0\n", "\(outcome)")
        #expect(try place.hostShell("echo text | gpg --verify sig - && gpgconf --homedir \(home) --kill gpg-agent").exitCode == 0)
    }

    @Test("the display appears with the cookie of this display alone")
    func display() throws {
        let place = try Sandboxed(anyone)
        let number = 900 + Int(getpid() % 90)
        let directory = "/tmp/.X11-unix"
        let isMade = FileSystem.kind(directory) == nil
        if isMade {
            try check("mkdir", directory) { mkdir(directory, 0o1777) }
            try check("chmod", directory) { chmod(directory, 0o1777) }
        }
        let socket = "\(directory)/X\(number)"
        let server = try Self.server(place, at: socket)
        let wayland = try Self.server(place, at: place.root + "/wayland-7")
        defer {
            server.signal(SIGTERM)
            wayland.signal(SIGTERM)
            try? FileSystem.removeFile(socket)
            if isMade { try? FileSystem.removeDirectory(directory) }
        }
        func entry(_ family: UInt16, _ parts: String...) -> [UInt8] {
            [UInt8(family >> 8), UInt8(family & 255)] + parts.flatMap { [0, UInt8($0.utf8.count)] + Array($0.utf8) }
        }
        let kind = "MIT-MAGIC-COOKIE-1"
        let authority = place.root + "/authority"
        let contents =
            entry(0, "\u{7f}\0\0\u{1}", "\(number)", kind, "remote") + entry(256, "host", "5", kind, "other")
            + entry(256, "host", "\(number)", kind, "cookie")
        try FileSystem.replace(authority, with: contents, mode: 0o600)
        try place.give(authority)
        try place.write("client.py", Self.client)
        let environment = [
            "DISPLAY": ":\(number).0", "XAUTHORITY": authority, "WAYLAND_DISPLAY": "wayland-7", "XDG_RUNTIME_DIR": place.root,
        ]
        for choice in ["display", "clipboard"] {
            let outcome = try place.shell(
                """
                echo $DISPLAY $WAYLAND_DISPLAY; ls /tmp/.X11-unix; od -An -c $XAUTHORITY | tr -d ' \\n'; echo
                python3 client.py /tmp/.X11-unix/X\(number); python3 client.py $WAYLAND_DISPLAY
                """, options: ["--forward", choice], environment: environment)
            let cookie = entry(0xFFFF, "", "\(number)", kind, "cookie")
            let shown = try ChildProcess.run(["/usr/bin/od", "-An", "-c"], input: .bytes(cookie)).output.filter { $0 != " " && $0 != "\n" }
            #expect(
                outcome.output == ":\(number).0 /run/coop/forward/wayland\nX\(number)\n\(shown)\n1000003 END\n1000003 END\n", "\(outcome)")
        }
        let none = try place.run(["true"], options: ["--forward", "display"], environment: ["DISPLAY": "elsewhere:0"])
        #expect(none.exitCode == 125 && none.error.contains("neither WAYLAND_DISPLAY nor DISPLAY"), "\(none)")
        let wrong = try place.run(["true"], options: ["--forward", "ssh-agnet"])
        #expect(wrong.exitCode == 125 && wrong.error.contains("did you mean `ssh-agent`?"), "\(wrong)")
        #expect(try place.sandboxIDs() == [])
    }
}
