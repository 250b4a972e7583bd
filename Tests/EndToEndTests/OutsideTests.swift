import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What leaves the machine while a sandbox tries: every packet is looked at.
@Suite struct OutsideTests {
    private func place(_ identity: TestIdentity, _ text: String) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.configure(text)
        return place
    }

    /// The record without the mark of its end.
    private func left(_ record: OutsideWorld.Record) -> Set<String> { record.packets.subtracting(["udp 127.0.0.9 9"]) }

    /// Programs that ask nobody for leave. Each works, or fails, at once.
    private static let attempts = #"""
        import socket, struct
        def attempt(family, kind, protocol, address, data=b"x"):
            try:
                s = socket.socket(family, kind, protocol)
                s.settimeout(0.2)
                if kind == socket.SOCK_STREAM: s.connect(address); s.sendall(data); s.recv(1)
                else: s.sendto(data, address); s.recv(1)
            except OSError: pass
        four, six = socket.AF_INET, socket.AF_INET6
        stream, datagram, raw = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW
        query = b"\0\1\1\0\0\1\0\0\0\0\0\0\x06secret\x07example\3com\0\0\1\0\1"
        for target in ["8.8.8.8", "1.2.3.4", "10.0.0.1", "169.254.169.254", "192.168.1.1"]:
            attempt(four, datagram, 0, (target, 53), query)
            attempt(four, stream, 0, (target, 53), struct.pack("!H", len(query)) + query)
            for port in [443, 123, 4789]: attempt(four, datagram, 0, (target, port))
            for port in [22, 25, 80, 443, 853, 8080, 9418]: attempt(four, stream, 0, (target, port), b"GET / HTTP/1.0\r\n\r\n")
        for target in ["2001:4860:4860::8888", "fe80::1%lo", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]:
            for port in [53, 443]:
                attempt(six, datagram, 0, (target, port), query)
                attempt(six, stream, 0, (target, port), query)
        echo = b"\x08\0\xf7\xff\0\0\0\0"
        for family, protocol, target in [(four, 1, "8.8.8.8"), (six, 58, "2001:4860:4860::8888")]:
            attempt(family, datagram, protocol, (target, 0), echo)
        for protocol in [1, 6, 17, 41, 47, 132, 255]: attempt(four, raw, protocol, ("8.8.8.8", 0), echo)
        for kind in [raw, datagram]:
            try: socket.socket(socket.AF_PACKET, kind, 0x300).sendto(echo, ("lo", 0x800))
            except OSError: pass
        # The SOCKS server of the proxy: an association for UDP, and a listener.
        for command in [2, 3]:
            attempt(four, stream, 0, ("127.0.0.1", 3128), b"\5\1\0" + bytes([5, command, 0, 1, 8, 8, 8, 8, 0, 53]))
        # Data in names: labels as long as they may be.
        for number in range(50):
            name = ".".join("%063d" % (number * 7 + part) for part in range(3)) + ".tunnel.public.example"
            for ask in [socket.gethostbyname, lambda name: socket.getaddrinfo(name, 443)]:
                try: ask(name)
                except OSError: pass
        # What of the host listens, on each address that it may have.
        for target in ["127.0.0.1", "127.0.0.2", "127.1.2.3", "0.0.0.0", "198.18.0.1", "198.18.0.2"]:
            for port in list(range(1, 1200, 7)) + [53, 80, 1021, 1022, 3128]:
                s = socket.socket(four, stream)
                s.settimeout(0.2)
                s.connect_ex((target, port))
                s.close()
        """#

    private static let commands = [
        "curl -s -m 2 http://1.2.3.4/", "curl -s -m 2 --noproxy '*' http://1.2.3.4/", "curl -s -m 2 --noproxy '*' -k https://8.8.8.8/",
        "curl -s -m 2 --noproxy '*' http://16909060/", "curl -s -m 2 --noproxy '*' http://01.02.03.04/",
        "curl -s -m 2 --noproxy '*' http://0x01020304/", "curl -s -m 2 --noproxy '*' 'http://[::ffff:1.2.3.4]/'",
        "curl -s -m 2 http://16909060/", "curl -s -m 2 http://0x1020304/", "curl -s -m 2 'http://[::ffff:102:304]/'",
        "curl -s -m 2 -x socks5://127.0.0.1:3128 http://1.2.3.4/", "curl -s -m 2 -x socks5h://127.0.0.1:3128 http://01.02.03.04/",
        "curl -s -m 2 -x socks4a://127.0.0.1:3128 http://web.public.example/",
        "curl -s -m 2 --noproxy '*' http://web.public.example/", "curl -s -m 2 http://web.public.example/",
        "curl -s -m 2 --noproxy '*' -k -H 'accept: application/dns-json' 'https://dns.public.example/resolve?name=secret.example'",
        "curl -s -m 2 -k --doh-insecure --doh-url https://8.8.8.8/dns-query http://secret.public.example/",
        "curl -s -m 2 -k --doh-insecure --doh-url https://dns.public.example/dns-query http://secret.public.example/",
        "curl -s -m 2 --noproxy '*' --http3 https://1.2.3.4/",
    ]

    @Test("no packet leaves without a rule, whatever is tried", arguments: TestIdentity.all)
    func nothing(_ identity: TestIdentity) throws {
        guard getuid() == 0 else { return }
        let place = try place(identity, "[network]\nmode = \"scoped\"\n")
        try place.write("attempts.py", OutsideTests.attempts)
        let lines = OutsideTests.commands.joined(separator: " >/dev/null; ") + " >/dev/null; python3 attempts.py; echo done"
        let (outcome, record) = try OutsideWorld.sandboxed(lines, in: place)
        #expect(outcome.output.hasSuffix("done\n"), "\(outcome)")
        #expect(left(record).isEmpty && record.queries.isEmpty && record.requests.isEmpty, "\(record) \(outcome)")
        guard identity == .root else { return }
        // The same tried outside of a sandbox is all seen.
        let (_, open) = try OutsideWorld.run(["/bin/sh", "-c", lines], in: place)
        for packet in [
            "udp 8.8.8.8 53", "tcp 8.8.8.8 53", "udp 8.8.8.8 443", "tcp 169.254.169.254 80", "udp 2001:4860:4860::8888 443",
            "icmp 8.8.8.8 8",
            "tcp 127.0.0.1 8", "47 8.8.8.8 63487",
        ] { #expect(open.packets.contains(packet), "\(packet): \(open.packets.sorted())") }
        #expect(open.queries.contains { $0.hasSuffix(".tunnel.public.example") } && open.requests.contains("1.2.3.4 1.2.3.4 /"))
    }

    @Test("a name is asked for only to connect to it, once it is allowed", arguments: TestIdentity.all)
    func names(_ identity: TestIdentity) throws {
        guard getuid() == 0 else { return }
        let place = try place(identity, "[network]\nallow = [\"*.open.public.example\", \"web.public.example\"]\n")
        let (outcome, record) = try OutsideWorld.sandboxed(
            """
            for n in 1 2 3 4 5; do getent ahosts data-$n.open.public.example; getent ahosts data-$n.denied.public.example; done >/dev/null
            curl -s -m 60 --noproxy '*' http://WEB.public.example/direct; curl -s -m 60 http://web.public.example/proxied
            curl -s -m 60 --noproxy '*' http://xn--wb-bja.public.example/ http://wéb.public.example/ >/dev/null; echo done
            """, in: place)
        #expect(outcome.output == "arrived /direct\narrived /proxied\ndone\n", "\(outcome)")
        #expect(Set(record.queries) == ["web.public.example"], "\(record.queries)")
        #expect(left(record) == ["udp 127.0.0.1 53", "tcp 1.2.3.4 80"], "\(record.packets)")
    }

    @Test("an address is connected to only by a rule that writes it", arguments: ["scoped", "open"])
    func addresses(_ mode: String) throws {
        guard getuid() == 0 else { return }
        let place = try place(TestIdentity.ordinary.first ?? .root, "[network]\nmode = \"\(mode)\"\nallow = [\"1.2.3.4\"]\n")
        let (outcome, record) = try OutsideWorld.sandboxed(
            """
            curl -s -m 60 --noproxy '*' http://1.2.3.4/direct; curl -s -m 60 http://1.2.3.4/proxied
            curl -s -m 60 --noproxy '*' http://1.2.3.5/no; curl -s -m 60 http://1.2.3.5/no; curl -s -m 60 --noproxy '*' http://10.0.0.1/no
            """, in: place)
        #expect(outcome.output.hasPrefix("arrived /direct\narrived /proxied\n"), "\(outcome)")
        #expect(outcome.output.split(separator: "need a rule that writes the address").count == 3, "\(outcome)")
        #expect(record.requests == ["1.2.3.4 1.2.3.4 /direct", "1.2.3.4 1.2.3.4 /proxied"], "\(record)")
        #expect(left(record) == ["tcp 1.2.3.4 80"], "\(record.packets)")
    }

    @Test(
        "an allowed name that comes to lead to a closed address is not connected to",
        arguments: ["127.0.0.1", "127.9.9.9", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.168.0.1", "198.18.0.1"])
    func rebinding(_ address: String) throws {
        guard getuid() == 0 else { return }
        let place = try place(TestIdentity.ordinary.first ?? .root, "[network]\nallow = [\"*.public.example\"]\n")
        // A name that is asked for anew, and one that has led to the outside before.
        let (outcome, record) = try OutsideWorld.sandboxed(
            """
            curl -s -m 60 --noproxy '*' http://web.public.example/rebind/\(address)
            curl -s -m 60 --noproxy '*' http://web.public.example/same; curl -s -m 60 --noproxy '*' http://new.public.example/new; echo done
            """, in: place)
        #expect(record.requests.allSatisfy { $0.hasPrefix("1.2.3.4 ") } && !record.requests.contains { $0.hasSuffix("/new") }, "\(record)")
        #expect(!record.packets.contains("tcp \(address) 80"), "\(record.packets) \(outcome)")
        #expect(outcome.output.hasPrefix("arrived /rebind/") && outcome.error.contains("closed to sandboxes"), "\(outcome)")
        // An address of the internet is followed, so the name is indeed looked up again.
        guard address == "127.0.0.1" else { return }
        let (_, followed) = try OutsideWorld.sandboxed(
            "curl -s http://web.public.example/rebind/1.2.3.5; curl -s http://new.public.example/new", in: place)
        #expect(followed.requests == ["1.2.3.4 web.public.example /rebind/1.2.3.5", "1.2.3.5 new.public.example /new"], "\(followed)")
    }
}
