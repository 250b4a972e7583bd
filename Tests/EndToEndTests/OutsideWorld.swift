import Glibc
import LinuxKernel
import TestSupport

/// A network of the test's own in which coop runs: every address there is leads to its loopback device, where each packet is
/// written down, and a name server and a web server answer. Nothing reaches the machine's real network. Needs the host's root.
struct OutsideWorld {
    /// What has left.
    struct Record {
        /// Each `PROTOCOL ADDRESS PORT` that a packet went to, once: `udp 8.8.8.8 53`.
        var packets: Set<String> = []
        /// The names that the name server was asked for.
        var queries: [String] = []
        /// Each `ADDRESS HOST PATH` that the web server was asked for on port 80, with the address that it was reached by.
        var requests: [String] = []
    }

    /// Runs a command as the identity; its outcome, and what it has sent.
    ///
    /// The name server knows `*.public.example` at 1.2.3.4; a request for `/rebind/ADDRESS` makes it say ADDRESS from then on.
    static func run(_ command: [String], in place: Sandboxed) throws -> (outcome: ChildProcess.Outcome, record: Record) {
        let file = place.root + "/record"
        let outcome = try ChildProcess.run(
            ["unshare", "-m", "-n", "/usr/bin/python3", "-c", script, file] + place.identity.arguments(command),
            environment: place.environment, directory: place.project, timeout: 600)
        guard FileSystem.kind(file) == .file else { throw TestSupportError("\(outcome)") }
        var record = Record()
        for line in String(osBytes: try FileSystem.read(file)).split(separator: "\n") {
            let (kind, rest) = (line.prefix { $0 != " " }, String(line.drop { $0 != " " }.dropFirst()))
            switch kind {
            case "packet": record.packets.insert(rest)
            case "query": record.queries.append(rest)
            default: record.requests.append(rest)
            }
        }
        return (outcome, record)
    }

    /// The same for lines of sh(1) in a sandbox.
    static func sandboxed(_ script: String, options: [String] = [], in place: Sandboxed) throws -> (
        outcome: ChildProcess.Outcome, record: Record
    ) {
        try run([try BuiltPrograms.coop(), "run"] + options + ["--", "/bin/sh", "-c", script], in: place)
    }

    private static let script = #"""
        import http.server, os, socket, struct, subprocess, sys, threading
        record = open(sys.argv[1], "w", buffering=1)
        for words in ["link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"]:
            subprocess.run(["ip", *words.split()], check=True)
        private = sys.argv[1] + ".resolv"
        with open(private, "w") as file: file.write("nameserver 127.0.0.1\noptions timeout:20 attempts:2\n")
        os.chmod(private, 0o644)
        subprocess.run(["mount", "--bind", private, os.path.realpath("/etc/resolv.conf")], check=True)
        address = ["1.2.3.4"]

        def is_reply(protocol, target, port):
            # The name server's answers, and what the kernel says of those that nobody waits for any more.
            return target == "127.0.0.1" and (protocol == 17 and port >= 32768 or protocol == 1 and port == 3)

        def watch(lines):
            seen, names = set(), {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}
            while True:
                data, (_, kind, direction, *_) = lines.recvfrom(65536)
                if direction != socket.PACKET_OUTGOING: continue
                if len(data) < (20 if kind == 0x0800 else 40): protocol, target, rest = kind, "?", b""
                elif kind == 0x0800: protocol, target, rest = data[9], socket.inet_ntop(socket.AF_INET, data[16:20]), data[(data[0] & 15) * 4:]
                elif kind == 0x86DD: protocol, target, rest = data[6], socket.inet_ntop(socket.AF_INET6, data[24:40]), data[40:]
                else: protocol, target, rest = kind, "?", b""
                if protocol == 6 and (len(rest) < 14 or rest[13] & 0x12 != 0x02): continue
                if protocol in (1, 58): port = rest[0]
                else: port = struct.unpack_from("!H", rest, 2)[0] if len(rest) >= 4 else 0
                line = f"packet {names.get(protocol, protocol)} {target} {port}\n"
                if line not in seen and not is_reply(protocol, target, port): seen.add(line); record.write(line)

        def answer(server):
            while True:
                query, client = server.recvfrom(4096)
                labels, place = [], 12
                while query[place]:
                    labels.append(query[place + 1:place + 1 + query[place]].decode())
                    place += 1 + query[place]
                name, kind = ".".join(labels), struct.unpack_from("!H", query, place + 1)[0]
                record.write(f"query {name}\n")
                known = name.lower().endswith("public.example")
                found = known and kind == 1
                reply = query[:2] + struct.pack("!5H", 0x8180 if known else 0x8183, 1, int(found), 0, 0) + query[12:place + 5]
                if found: reply += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(address[0])
                server.sendto(reply, client)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                record.write(f"request {self.connection.getsockname()[0]} {self.headers.get('host')} {self.path}\n")
                if self.path.startswith("/rebind/"): address[0] = self.path[8:]
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"arrived " + self.path.encode() + b"\n")
            def log_message(self, *rest): pass

        lines = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        # SO_RCVBUFFORCE: on a busy machine the thread that reads may be late.
        lines.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind(("127.0.0.1", 53))
        web = http.server.ThreadingHTTPServer(("0.0.0.0", 80), Handler)
        for task, words in ((watch, [lines]), (answer, [names]), (web.serve_forever, [])):
            threading.Thread(target=task, args=words, daemon=True).start()
        web.handle_error = lambda *rest: None
        code = subprocess.run(sys.argv[2:]).returncode
        # A packet of our own marks the end of the record.
        marker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while "packet udp 127.0.0.9 9\n" not in open(sys.argv[1]).read():
            marker.sendto(b"end", ("127.0.0.9", 9))
            threading.Event().wait(0.01)
        sys.exit(code)
        """#
}
