import Glibc
import LinuxKernel
import TestSupport
import Testing

/// A sandbox that opens connections as fast as it can.
@Suite(.serialized) struct FloodTests {
    /// How many connections; `COOP_FLOOD_CONNECTIONS=100000` for a long run.
    private static let connections = getenv("COOP_FLOOD_CONNECTIONS").flatMap { Int(String(cString: $0)) } ?? 5_000

    /// Connections to a host that is allowed, to one that is not, to an address, to the proxy and to nothing; some say nothing, some
    /// half a request, some garbage. A few hundred are held open at any time. It goes on until it is killed.
    private static let flood = #"""
        import random, socket, sys
        wanted, opened, held = int(sys.argv[1]), 0, []
        targets = [(socket.gethostbyname("plain.example.com"), 80), (socket.gethostbyname("denied.example.com"), 443), ("192.0.2.1", 443),
            ("127.0.0.1", 3128), ("192.0.2.7", 25)]
        openings = [b"", b"GET / HTTP/1.1\r\nHost: plain.example.com\r\n", b"\x16\3\1\2\0\1", b"\5\1\0", bytes(range(256)), b"CONNECT x"]
        print("flooding", flush=True)
        while True:
            s = socket.socket()
            s.setblocking(False)
            try: s.connect(random.choice(targets))
            except OSError: pass
            opened += 1
            held.append(s)
            if len(held) > 700:
                one = held.pop(random.randrange(len(held)))
                try: one.send(random.choice(openings))
                except OSError: pass
                if random.random() < 0.8: one.close()
                else: held.append(one)
            while len(held) > 800: held.pop(0).close()
            if opened == wanted: print("flooded", flush=True)
        """#

    @Test("a flood from one sandbox leaves another one's traffic alone, and costs a bounded part of the machine")
    func flood() throws {
        let upstream = try Upstream()
        func place() throws -> Sandboxed {
            let place = try Sandboxed(TestIdentity.ordinary.first ?? .root)
            try place.configure(
                """
                [network]
                allow = ["plain.example.com"]
                [network.hosts]
                "plain.example.com" = "127.0.0.1:\(upstream.plain)"
                """)
            return place
        }
        let (hostile, other) = (try place(), try place())
        let attacker = try hostile.start(["run", "--", "python3", "-c", FloodTests.flood, String(FloodTests.connections)])
        guard try attacker.waitForOutput("flooding") else { throw TestSupportError("\(attacker.errorText)") }
        func requests() throws {
            let outcome = try other.shell(
                "for n in $(seq 30); do curl -sS -m 60 --noproxy '*' http://plain.example.com/calm-$n; done", timeout: 600)
            #expect(outcome.output == (1...30).map { "plain GET /calm-\($0) 0\n" }.joined(), "\(outcome)")
        }
        try requests()
        #expect(try attacker.waitForOutput("flooded", timeout: 600), "\(attacker.errorText)")
        try requests()
        // What the flood holds, at any time: a descriptor or two for each connection of the limit, and memory that does not grow with
        // their number. Only root sees into the worker.
        if getuid() == 0 {
            let worker = try #require(try Sandboxed.children(of: attacker.pid).first { Sandboxed.name(of: $0) == "coop-gateway" })
            for (process, megabytes) in [(worker, 256), (attacker.pid, 256)] {
                #expect(try FileSystem.list("/proc/\(process)/fd").count < 12_000)
                let status = String(osBytes: try FileSystem.read("/proc/\(process)/status"))
                let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }?.split(separator: " ").dropFirst().first
                let kilobytes = try #require(resident.flatMap { Int($0) })
                #expect(kilobytes < megabytes << 10, "\(Sandboxed.name(of: process)): \(kilobytes) kB")
            }
        }
        attacker.signal(SIGKILL)
        _ = try attacker.wait()
        #expect(try hostile.remains().filter { !$0.contains("/run/") } == [])
    }
}
