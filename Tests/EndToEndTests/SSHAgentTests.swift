import Glibc
import LinuxKernel
import TestSupport
import Testing

/// One ordinary identity, where all of them would show the same.
private let anyone = TestIdentity.ordinary.first ?? .root

/// The user's ssh-agent inside: a filter between the two.
@Suite struct SSHAgentTests {
    /// A real ssh-agent with two keys.
    private final class Agent {
        let place: Sandboxed
        let socket: String
        /// Their fingerprints.
        let first: String
        let second: String
        private let process: ChildProcess

        init(_ identity: TestIdentity) throws {
            place = try Sandboxed(identity)
            socket = place.root + "/agent.sock"
            process = try place.startOutside(["/usr/bin/ssh-agent", "-D", "-a", socket])
            let socket = socket
            guard Deadline.poll(seconds: 60, { FileSystem.kind(socket) == .socket }) else { throw TestSupportError("no ssh-agent") }
            place.environment["SSH_AUTH_SOCK"] = socket
            let made = try place.hostShell(
                """
                cd .. && ssh-keygen -q -t ed25519 -N '' -C first -f first && ssh-keygen -q -t rsa -b 2048 -N '' -C 'second\tkey' -f second &&
                ssh-add -q first second && ssh-add -l | cut -d' ' -f2
                """)
            let lines = made.output.split(separator: "\n").map(String.init)
            guard made.exitCode == 0, lines.count == 2 else { throw TestSupportError("\(made)") }
            (first, second) = (lines[0], lines[1])
        }

        deinit { process.signal(SIGTERM) }

        func allow(_ keys: String) throws {
            try place.configure("[sandbox]\nforward = [\"ssh-agent\"]\n[ssh]\nkeys = [\(keys)]\n")
        }
    }

    private static let screen = ChildProcess.Input.terminal(rows: 24, columns: 300)

    @Test("without being asked for there is none, and what it gives away is said once", arguments: TestIdentity.all)
    func optIn(_ identity: TestIdentity) throws {
        let agent = try Agent(identity)
        let place = agent.place
        #expect(try place.shell("echo \"<$SSH_AUTH_SOCK>\"; ls /run/coop/forward").output == "<>\n")
        let warning = "ssh-agent is forwarded: whatever runs inside can log in and sign with your SSH keys"
        let explained = try place.coop(["explain", "--forward", "ssh-agent", "--", "true"])
        #expect(explained.output.contains("note       \(warning)"), "\(explained)")
        for isFirst in [true, false] {
            // Nobody is there to be asked, so there is no key.
            let outcome = try place.shell("echo $SSH_AUTH_SOCK; ssh-add -l", options: ["--forward", "ssh-agent"])
            #expect(outcome.output == "/run/coop/forward/ssh-agent\nThe agent has no identities.\n", "\(outcome)")
            #expect(outcome.error.contains(warning) == isFirst, "\(outcome)")
        }
        let missing = try place.run(["true"], options: ["--forward", "ssh-agent"], environment: ["SSH_AUTH_SOCK": "/nowhere"])
        #expect(missing.exitCode == 125 && missing.error.contains("cannot forward ssh-agent: /nowhere is no socket"), "\(missing)")
        try agent.allow("")
        let without = try place.run(["true"], environment: ["SSH_AUTH_SOCK": ""])
        #expect(without.exitCode == 0 && without.error.contains("ssh-agent is not forwarded"), "\(without)")
        #expect(try place.sandboxIDs() == [])
    }

    @Test("a repository alone gets none: the approval names what it gives away")
    func repository() throws {
        let agent = try Agent(anyone)
        try agent.place.write(
            "coop.toml",
            "name = \"x\"\n[sandbox]\nforward = [\"ssh-agent\", \"docker\"]\n[ssh]\nkeys = [{ fingerprint = \"\(agent.first)\", confirm = false }]\n"
        )
        let outcome = try agent.place.run(["true"])
        #expect(outcome.exitCode == 126, "\(outcome)")
        for text in [
            "+ use your ssh-agent (whatever runs inside can log in and sign with your SSH keys",
            "+ use your docker (whatever runs inside can become root on this machine) (coop.toml:3:25)",
            "+ use your SSH key \(agent.first) without asking you (coop.toml:5:9)",
        ] { #expect(outcome.error.contains(text), "\(text)\n\(outcome)") }
    }

    @Test("only the keys of the configuration are listed and used, without a question where it says so", arguments: TestIdentity.all)
    func listed(_ identity: TestIdentity) throws {
        let agent = try Agent(identity)
        let place = agent.place
        try agent.allow("{ fingerprint = \"\(agent.first)\", confirm = false }")
        let keys = try place.hostShell("cat ../first.pub ../second.pub")
        let lines = keys.output.split(separator: "\n").map(String.init)
        try place.write("first.pub", lines[0])
        try place.write("second.pub", lines[1])
        let outcome = try place.shell(
            """
            ssh-add -l | cut -d' ' -f2; echo text > file
            ssh-keygen -q -Y sign -n git -f first.pub file && echo signed; rm -f file.sig
            ssh-keygen -q -Y sign -n git -f second.pub file 2>/dev/null || echo refused
            """)
        #expect(outcome.output == "\(agent.first)\nsigned\nrefused\n", "\(outcome)")
        let log = try place.coop(["audit", "show", "--type", "forward"]).output
        for text in [
            "action=list answer=rule decision=allow",
            "action=sign key=\(agent.first) purpose=signature namespace=git answer=rule decision=allow",
        ] { #expect(log.contains(text), "\(text)\n\(log)") }
    }

    @Test("a git commit made inside is signed by a key of the agent")
    func commit() throws {
        let agent = try Agent(anyone)
        let place = agent.place
        try agent.allow("{ fingerprint = \"\(agent.first)\", confirm = false }")
        try place.hostShell("git init -q . && cp ../first.pub key.pub").expectSuccess()
        let outcome = try place.shell(
            """
            git config user.name n && git config user.email e@x && git config gpg.format ssh && git config user.signingkey \(place("key.pub")) &&
            git commit -q -S --allow-empty -m signed && git cat-file -p HEAD | grep -c 'BEGIN SSH SIGNATURE'
            """)
        #expect(outcome.output == "1\n", "\(outcome)")
    }

    @Test("at a terminal each use is asked about, and an answer holds as long as it says")
    func asked() throws {
        let agent = try Agent(anyone)
        let place = agent.place
        try place.hostShell("cp ../first.pub . && echo text > file").expectSuccess()
        let sign = "ssh-keygen -q -Y sign -n git -f first.pub file && echo '<signed>' || echo '<refused>'; rm -f file.sig"
        let child = try place.start(
            ["run", "--forward", "ssh-agent", "--", "sh", "-c", "ssh-add -l; \(sign); \(sign); \(sign); \(sign); echo over"],
            input: Self.screen)
        #expect(try child.waitForOutput("coop: sh wants to see the keys of your ssh-agent — allow?"), "\(child.outputText)")
        try child.send("s\r")
        let question = "use your SSH key first (\(agent.first)) to sign something (git) — allow? [o]nce, [s]ession, [n]o "
        func asked(_ count: Int) throws {
            #expect(try child.waitUntil { $0.outputText.ranges(of: question).count == count }, "\(count): \(child.outputText)")
        }
        try asked(1)
        // What the command writes comes by another way than the questions.
        #expect(try child.waitForOutput(agent.second), "all keys are listed to whom a person shows them")
        try child.send("n\r")
        try asked(2)
        #expect(try child.waitForOutput("<refused>"))
        try child.send("o\r")
        try asked(3)
        #expect(try child.waitForOutput("<signed>"))
        try child.send("s\r")
        let outcome = try child.wait()
        #expect(outcome.exitCode == 0 && outcome.output.ranges(of: "<signed>").count == 3, "\(outcome)")
        #expect(outcome.output.ranges(of: question).count == 3, "\(outcome)")
        let log = try place.coop(["audit", "show", "--type", "forward"]).output
        for answer in ["no decision=deny", "once decision=allow", "session decision=allow"] {
            #expect(log.contains("answer=" + answer), "\(answer)\n\(log)")
        }
    }

    @Test("nothing but listing and signing reaches the agent, whatever is sent", arguments: TestIdentity.all)
    func hostile(_ identity: TestIdentity) throws {
        let agent = try Agent(identity)
        let place = agent.place
        try agent.allow("{ fingerprint = \"\(agent.first)\", confirm = false }")
        try place.hostShell("cp ../second.pub .").expectSuccess()
        try place.write(
            "attack.py",
            """
            import os, socket, struct, base64
            def connect():
                s = socket.socket(socket.AF_UNIX); s.connect(os.environ["SSH_AUTH_SOCK"]); s.settimeout(60); return s
            def text(b): return struct.pack(">I", len(b)) + b
            def receive(s):
                head = b""
                while len(head) < 4:
                    more = s.recv(4 - len(head))
                    if not more: return None
                    head += more
                body = b""
                while len(body) < struct.unpack(">I", head)[0]: body += s.recv(struct.unpack(">I", head)[0] - len(body))
                return body
            def ask(s, body): s.sendall(text(body)); return receive(s)
            s = connect()
            # Remove all, lock, add a key, a smart card, extensions, numbers that mean nothing.
            for kind in [9, 18, 19, 20, 22, 23, 17, 25, 26, 27, 1, 0, 255]:
                answer = ask(s, bytes([kind]) + text(b"session-bind@openssh.com") + text(b"x"))
                assert answer == b"\\x05", (kind, answer)
            listed = ask(s, b"\\x0b")
            assert listed[0] == 12 and struct.unpack(">I", listed[1:5])[0] == 1, listed
            second = base64.b64decode(open("second.pub").read().split()[1])
            assert ask(s, b"\\x0d" + text(second) + text(b"anything") + struct.pack(">I", 0)) == b"\\x05"
            size = struct.unpack(">I", listed[5:9])[0]; key = listed[9:9 + size]
            # What could be anything is not signed where nobody can be asked; nor with flags that are none.
            assert ask(s, b"\\x0d" + text(key) + text(b"anything") + struct.pack(">I", 0)) == b"\\x05"
            login = text(b"h" * 32) + b"\\x32" + text(b"git") + text(b"ssh-connection") + text(b"publickey") + b"\\x01" + text(b"ssh-ed25519") + text(key)
            assert ask(s, b"\\x0d" + text(key) + text(login) + struct.pack(">I", 64)) == b"\\x05"
            assert ask(s, b"\\x0d" + text(key) + text(login) + struct.pack(">I", 0))[0] == 14
            # Many small messages at once, whose answers nobody takes for a while.
            s.settimeout(None)
            import threading
            sender = threading.Thread(target=lambda: s.sendall(text(b"\\x1b") * 20000)); sender.start()
            for _ in range(20000): assert receive(s) == b"\\x05"
            sender.join()
            # A message that is cut short, has something behind it, or is longer than any ends the connection.
            for bad in [text(b"\\x0d\\0\\0\\0\\x09x"), text(b"\\x0b\\0"), struct.pack(">I", 0), struct.pack(">I", 1 << 31), struct.pack(">I", 256 * 1024 + 1)]:
                t = connect(); t.sendall(bad); assert receive(t) is None, bad
            # So do more connections than anybody needs; the others go on.
            many = [connect() for _ in range(40)]
            closed = 0
            for t in many:
                try: closed += t.sendall(text(b"\\x0b")) is None and receive(t) is None
                except (BrokenPipeError, ConnectionResetError): closed += 1
            assert closed >= 8, closed
            assert ask(s, b"\\x0b")[0] == 12
            print("held")
            """)
        let outcome = try place.run(["/usr/bin/python3", "attack.py"])
        #expect(outcome.output == "held\n", "\(outcome)")
        #expect(try place.hostShell("ssh-add -l | wc -l").output == "2\n", "the agent still has both keys, and is not locked")
        let log = try place.coop(["audit", "show", "--type", "forward", "-n", "1000"]).output
        for text in [
            "key=\(agent.first) purpose=unknown bytes=8 answer=none decision=deny",
            "key=\(agent.second) purpose=unknown bytes=8 answer=rule decision=deny",
            "purpose=login user=git answer=rule decision=allow",
        ] { #expect(log.contains(text), "\(text)\n\(log)") }
        #expect(try place.coop(["audit", "verify"]).exitCode == 0)
    }

    @Test("what cannot be recorded does not happen, and why is said once to whoever runs it")
    func unrecorded() throws {
        let agent = try Agent(anyone)
        let place = agent.place
        try agent.allow("{ fingerprint = \"\(agent.first)\", confirm = false }")
        // A file in the place of the directory.
        try place.outside(["sh", "-c", "rm -rf \(place.coopHome)/audit; touch \(place.coopHome)/audit"]).expectSuccess()
        let outcome = try place.shell("ssh-add -l; ssh-add -l")
        #expect(outcome.output == "The agent has no identities.\nThe agent has no identities.\n", "\(outcome)")
        #expect(outcome.error.ranges(of: "coop: ssh-agent is refused to the sandbox: ").count == 1, "\(outcome)")
        #expect(outcome.error.contains("/audit") && outcome.error.contains("\nNext: "), "\(outcome)")
    }

    @Test("the socket of the agent itself is not inside")
    func socket() throws {
        let agent = try Agent(anyone)
        let outcome = try agent.place.shell(
            "ls -l /run/coop/forward; rm -f $SSH_AUTH_SOCK; mv $SSH_AUTH_SOCK x; ls \(agent.socket)", options: ["--forward", "ssh-agent"])
        #expect(outcome.exitCode != 0 && outcome.output.contains("ssh-agent") && !outcome.output.contains("agent.sock"), "\(outcome)")
        #expect(FileSystem.kind(agent.socket) == .socket)
    }

    @Test("ssh logs in at a server of one's own by way of the filter")
    func login() throws {
        guard FileSystem.isExecutable("/usr/sbin/sshd") else { return }
        let agent = try Agent(anyone)
        let place = agent.place
        try agent.allow("{ fingerprint = \"\(agent.first)\", confirm = false }")
        try place.hostShell(
            """
            cd .. && ssh-keygen -q -t ed25519 -N '' -f host && cp first.pub authorized && chmod go-w . authorized
            printf '%s\\n' "HostKey $PWD/host" "AuthorizedKeysFile $PWD/authorized" 'StrictModes no' 'UsePAM no' 'PasswordAuthentication no' \
              'PidFile none' > sshd_config
            """
        ).expectSuccess()
        // A server for one connection, over a pipe: no port is opened anywhere.
        let sshd = "/usr/sbin/sshd -i -e -f \(place.root)/sshd_config"
        let outcome = try place.coop(
            [
                "run", "-m", "\(place.root)/host:\(place.root)/host:ro", "-m", "\(place.root)/authorized:\(place.root)/authorized:ro", "-m",
                "\(place.root)/sshd_config:\(place.root)/sshd_config:ro", "--", "ssh", "-o", "ProxyCommand=\(sshd)", "-o",
                "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "loopback", "echo logged in",
            ])
        #expect(outcome.output == "logged in\n", "\(outcome)")
        let log = try place.coop(["audit", "show", "--type", "forward"]).output
        #expect(log.contains("purpose=login user=\(place.identity.accountName) answer=rule decision=allow"), "\(log)")
    }
}
