import GatewayProtocol
import Glibc
import TestSupport
import Testing

@testable import GatewayEngine

/// How many random inputs each property gets; `COOP_FUZZ_ITERATIONS` for a long run.
let iterations = getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? 3_000

extension SeededGenerator {
    mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) } }

    /// A copy with some bytes changed, cut out or doubled.
    mutating func damage(_ original: [UInt8]) -> [UInt8] {
        var result = original
        for _ in 0...pick(4) where !result.isEmpty {
            let index = pick(result.count)
            switch pick(5) {
            case 0: result[index] = UInt8.random(in: .min ... .max, using: &self)
            case 1: result[index] ^= 1 << pick(8)
            case 2: result.remove(at: index)
            case 3: result.insert(result[index], at: index)
            default: result.removeLast(pick(result.count))
            }
        }
        return result
    }
}

@Suite struct HostNameTests {
    @Test("names come out in lower case without a final dot; what no host is called does not come out")
    func names() {
        #expect(HostNames.name("Example.COM.".utf8) == "example.com")
        #expect(HostNames.name("a_b.x-1.example".utf8) == "a_b.x-1.example")
        #expect(HostNames.name(String(repeating: "a", count: 63).utf8) != nil)
        let hostile = [
            "", ".", "..", ".a", "a..b", "a..", "-a.b", "a-.b", "a.b-", "a b", "a\0b", "a\0", "ex ample", "a/b", "a:b", "a@b", "[::1]",
            "é.com",
            "xn--\u{e9}", "1", "1.2.3.4", "1.2", "a.1", "a.0x7f", "0x7f.1", "0x", "127.1", "2130706433", "017700000001", "%61.com", "*.a",
            "a.\u{ff0e}com", String(repeating: "a", count: 64), String(repeating: "a.", count: 127) + "ab", "\u{7f}.com", "a\r\nb", "a,b",
        ]
        for text in hostile { #expect(HostNames.name(text.utf8) == nil, "\(text)") }
        #expect(HostNames.host("192.0.2.1".utf8) == .address(IPv4Address(192, 0, 2, 1)))
        for text in ["192.0.2.1.", "192.0.2", "0300.0.2.1", "192.0.2.256", "::ffff:192.0.2.1"] {
            #expect(HostNames.host(text.utf8) == nil, "\(text)")
        }
    }

    @Test("a name that came out comes out again the same")
    func stable() throws {
        var random = SeededGenerator(11)
        let alphabet = Array("abzAZ09-_..x\0 é:".utf8)
        for _ in 0..<iterations {
            let bytes = (0..<random.pick(30)).map { _ in alphabet[random.pick(alphabet.count)] }
            guard let name = HostNames.name(bytes) else { continue }
            try #require(HostNames.name(name.utf8) == name && name.utf8.count <= 253)
            try #require(name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-_.".utf8.contains($0) })
        }
    }
}

@Suite struct NameTableTests {
    @Test("an address stands for one name, the same for ever, and a full table says so")
    func bounded() throws {
        var table = NameTable(limit: 1000)
        var given: Set<IPv4Address> = []
        for index in 0..<1000 {
            let found = table.address(of: "host\(index).example")
            let address = try #require(found)
            #expect(NameTable.isSynthetic(address) && given.insert(address).inserted)
            #expect(table.name(of: address) == "host\(index).example")
        }
        let (more, known) = (table.address(of: "one.more.example"), table.address(of: "host7.example"))
        #expect(more == nil && known == IPv4Address(198, 18, 1, 7))
        #expect(table.name(of: IPv4Address(198, 18, 0, 0)) == nil)
        #expect(table.name(of: IPv4Address(198, 19, 255, 255)) == nil)
        #expect(table.name(of: IPv4Address(198, 20, 0, 1)) == nil && table.name(of: IPv4Address(127, 0, 0, 1)) == nil)
    }

    @Test("no more addresses than the block has")
    func block() {
        var table = NameTable(limit: .max)
        var last: IPv4Address?
        for index in 0..<200_000 { last = table.address(of: "n\(index).example") ?? last }
        #expect(table.count == 130_816 && last == IPv4Address(198, 19, 255, 255))
    }
}

@Suite struct ClientHelloTests {
    private func read(_ bytes: [UInt8]) -> ClientHello.Reading { ClientHello.read(bytes[...]) }

    @Test("the name and protocols are read, however the hello is split over records and segments")
    func splitting() throws {
        let message = TLSBytes.message(
            extensions: TLSBytes.serverName(Array("Example.com".utf8)) + TLSBytes.protocols(["h2", "http/1.1"]))
        let expected = ClientHello(serverName: Array("Example.com".utf8), protocols: [Array("h2".utf8), Array("http/1.1".utf8)])
        for size in [1, 2, 3, 5, 50, 16384] {
            let bytes = TLSBytes.records(message, size: size)
            #expect(read(bytes) == .hello(expected))
            for cut in 0..<bytes.count { try #require(read(Array(bytes[..<cut])) == .incomplete) }
            // What follows in the next records is not looked at.
            #expect(read(bytes + [20, 3, 3, 0, 1, 1]) == .hello(expected))
        }
    }

    @Test("a hello without a name, or without any extension")
    func withoutName() {
        #expect(read(TLSBytes.clientHello(name: nil, protocols: [])) == .hello(ClientHello(serverName: nil, protocols: [])))
        var message = TLSBytes.message(extensions: [])
        message.removeLast(2)
        message[3] -= 2
        #expect(read(TLSBytes.records(message)) == .hello(ClientHello(serverName: nil, protocols: [])))
    }

    @Test("what two readers could read differently is refused")
    func hostile() {
        let name = TLSBytes.serverName(Array("a.example".utf8))
        func list(_ bytes: [UInt8]) -> [UInt8] { TLSBytes.uint16(0) + TLSBytes.vector16(bytes) }
        let extensions: [[UInt8]] = [
            name + name,
            list(TLSBytes.vector16([0] + TLSBytes.vector16(Array("a".utf8)) + [0] + TLSBytes.vector16(Array("b".utf8)))),
            list(TLSBytes.vector16([1] + TLSBytes.vector16(Array("a".utf8)))),
            list(TLSBytes.vector16([0] + TLSBytes.vector16([]))), list(TLSBytes.vector16([])), list([]),
            list(TLSBytes.vector16([0] + TLSBytes.vector16(Array("a".utf8))) + [0]),
            TLSBytes.uint16(16) + TLSBytes.vector16(TLSBytes.vector16([5, 1])),
            TLSBytes.uint16(16) + TLSBytes.vector16(TLSBytes.vector16([0])),
            [0], [0, 0, 0, 9],
        ]
        for bytes in extensions {
            guard case .malformed = read(TLSBytes.records(TLSBytes.message(extensions: bytes))) else {
                Issue.record("accepted \(bytes)")
                continue
            }
        }
        let good = TLSBytes.clientHello(name: "a.example")
        for (index, value) in [(0, 21), (1, 2), (2, 5), (5, 2)] as [(Int, UInt8)] {
            var bytes = good
            bytes[index] = value
            guard case .malformed = read(bytes) else {
                Issue.record("accepted byte \(value) at \(index)")
                continue
            }
        }
        #expect(read([22, 3, 1, 0, 0]) != .incomplete && read([22, 3, 1, 0x40, 1]) != .incomplete)
        #expect(read([22, 3, 1, 0, 4, 1, 255, 255, 255]) != .incomplete)
    }

    @Test("a hello may be long, and is not waited for without end")
    func sizes() {
        let long = TLSBytes.clientHello(name: "a.example", protocols: ["h2"], padding: 20_000)
        guard case .hello = read(long) else {
            Issue.record("a long hello is refused")
            return
        }
        let tooLong = TLSBytes.records(
            TLSBytes.message(extensions: TLSBytes.uint16(21) + TLSBytes.vector16(Array(repeating: 0, count: 40_000))))
        guard case .malformed = read(Array(tooLong.prefix(ClientHello.sizeLimit))) else {
            Issue.record("waits for ever")
            return
        }
    }

    @Test("damaged hellos never crash, and a longer input is never less complete")
    func fuzz() throws {
        var random = SeededGenerator(12)
        let good = TLSBytes.clientHello(name: "host.example", protocols: ["h2", "http/1.1"])
        for _ in 0..<iterations {
            let bytes = random.pick(5) == 0 ? [22, 3, 1] + random.bytes(random.pick(300)) : random.damage(good)
            let whole = FirstBytes.read(bytes[...])
            let cut = FirstBytes.read(bytes[..<random.pick(bytes.count + 1)])
            if case .tls(let hello) = cut { try #require(whole == .tls(hello)) }
            if whole == .incomplete { try #require(cut == .incomplete) }
        }
    }
}

@Suite struct FirstBytesTests {
    @Test(
        "protocols are told apart by their first bytes",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", FirstBytes.http), ("POST ", .http), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2), ("", .incomplete),
            ("PRI * HTTP/2.0\r\n", .incomplete), ("P", .incomplete), ("GE", .incomplete), ("SSH-2.0-OpenSSH_9.2p1 Debian\r\n", .other),
            ("EHLO there\r\n", .other), ("WEIRD /x HTTP/1.1\r\n", .http), ("WEIRD /x", .incomplete), ("WEIRD /x HTTP/9.9\n", .other),
            ("\0\0\0\u{8}\u{4}", .other), (" GET / HTTP/1.1\r\n", .other), ("get / HTTP/1.1\r\n", .other), ("\r\nGET / HTTP/1.1", .other),
            (String(repeating: "A", count: 40), .other), ("\u{5}\u{1}\0", .other),
        ])
    func classify(_ text: String, _ expected: FirstBytes) { #expect(FirstBytes.read(Array(text.utf8)[...]) == expected) }
}

@Suite struct SOCKSReaderTests {
    @Test("a greeting without the method of no authentication, and a request that is not CONNECT, get the right answers")
    func answers() {
        #expect(SOCKSReader.readGreeting([5, 2, 2, 0]) == .accepted(length: 4))
        #expect(SOCKSReader.readGreeting([5, 1, 2]) == .unacceptable)
        #expect(SOCKSReader.readGreeting([5, 0]) == .malformed && SOCKSReader.readGreeting([4, 1]) == .malformed)
        #expect(SOCKSReader.readGreeting([5, 3, 0]) == .incomplete)
        let name = Array("a.example".utf8)
        #expect(SOCKSReader.readRequest([5, 1, 0, 3, 9] + name + [1, 187]) == .connect(.name("a.example"), port: 443, length: 16))
        #expect(
            SOCKSReader.readRequest([5, 1, 0, 1, 192, 0, 2, 1, 0, 80])
                == .connect(.address(IPv4Address(192, 0, 2, 1)), port: 80, length: 10))
        #expect(
            SOCKSReader.readRequest([5, 1, 0, 3, 9] + Array("192.0.2.1".utf8) + [0, 80])
                == .connect(.address(IPv4Address(192, 0, 2, 1)), port: 80, length: 16))
        #expect(SOCKSReader.readRequest([5, 2, 0, 1]) == .refused(.commandNotSupported))
        #expect(SOCKSReader.readRequest([5, 3, 0, 1]) == .refused(.commandNotSupported))
        #expect(SOCKSReader.readRequest([5, 1, 0, 4]) == .refused(.addressNotSupported))
        #expect(SOCKSReader.readRequest([5, 1, 0, 1, 1, 2, 3, 4, 0, 0]) == .refused(.failed))
        for text in ["a\0.example", "0x7f.1", "", "a b", "2130706433", "127.1"] {
            let bytes = Array(text.utf8)
            #expect(SOCKSReader.readRequest([5, 1, 0, 3, UInt8(bytes.count)] + bytes + [0, 80]) == .refused(.failed), "\(text)")
        }
        #expect(SOCKSReader.readRequest([5, 1, 1, 1]) == .malformed && SOCKSReader.readRequest([4, 1, 0, 1]) == .malformed)
    }

    @Test("cut and damaged requests never crash, and never name what was not there")
    func fuzz() throws {
        var random = SeededGenerator(13)
        let good = [5, 1, 0, 3, 12] + Array("host.example".utf8) + [1, 187]
        for cut in 0..<good.count { #expect(SOCKSReader.readRequest(good[..<cut].map { $0 }[...]) == .incomplete) }
        for _ in 0..<iterations {
            let bytes = random.pick(4) == 0 ? [5, 1, 0] + random.bytes(random.pick(40)) : random.damage(good)
            if case .connect(_, _, let length) = SOCKSReader.readRequest(bytes[...]) { try #require(length <= bytes.count) }
            _ = SOCKSReader.readGreeting(bytes[...])
        }
    }
}

@Suite struct ProxyRequestTests {
    private func read(_ text: String) -> ProxyRequest { ProxyRequest.read(Array(text.utf8)[...]) }

    @Test("CONNECT and absolute targets")
    func accepted() {
        let head = "CONNECT A.example:8443 HTTP/1.1\r\nHost: a.example\r\nProxy-Connection: keep-alive\r\n\r\n"
        #expect(read(head + "rest") == .connect(.name("a.example"), port: 8443, length: head.utf8.count))
        #expect(read("GET http://A.example/x HTTP/1.1\r\n") == .absoluteForm(.name("a.example"), port: 80))
        #expect(read("GET http://a.example:81?q HTTP/1.0\r\n") == .absoluteForm(.name("a.example"), port: 81))
        #expect(read("GET HTTP://192.0.2.1 HTTP/1.1\r\n") == .absoluteForm(.address(IPv4Address(192, 0, 2, 1)), port: 80))
        for index in 0..<head.utf8.count { #expect(ProxyRequest.read(Array(head.utf8)[..<index]) == .incomplete) }
    }

    @Test(
        "what is no host and port, or is framed so that two readers disagree, is refused",
        arguments: [
            "CONNECT a.example HTTP/1.1\r\n\r\n", "CONNECT a.example:0 HTTP/1.1\r\n\r\n", "CONNECT a.example:65536 HTTP/1.1\r\n\r\n",
            "CONNECT a.example:+80 HTTP/1.1\r\n\r\n", "CONNECT [::1]:443 HTTP/1.1\r\n\r\n", "CONNECT u@a.example:443 HTTP/1.1\r\n\r\n",
            "CONNECT a\u{0}.example:443 HTTP/1.1\r\n\r\n", "CONNECT 0x7f.1:443 HTTP/1.1\r\n\r\n", "CONNECT 127.1:443 HTTP/1.1\r\n\r\n",
            "CONNECT  a.example:443 HTTP/1.1\r\n\r\n", "CONNECT a.example:443 HTTP/1.1 \r\n\r\n", "CONNECT a.example:443 HTTP/2.0\r\n\r\n",
            "CONNECT a.example:443\tHTTP/1.1\r\n\r\n", "CONNECT a.example:443 HTTP/1.1\r\nHost : a\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", "CONNECT a.example:443 HTTP/1.1\r\n folded\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "CONNECT a.example:443 HTTP/1.1\nHost: b\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\r\nX: a\nb\r\n\r\n", "GET / HTTP/1.1\r\n", "GET https://a.example/ HTTP/1.1\r\n",
            "GET http:///x HTTP/1.1\r\n", "GET http://u:p@a.example/ HTTP/1.1\r\n", "GET http://a.example:x/ HTTP/1.1\r\n",
            "GET http://a.example/\u{e9} HTTP/1.1\r\n", "\u{1}\u{2}\u{3}", "GET\0", "GET http://2130706433/ HTTP/1.1\r\n",
        ])
    func refused(_ text: String) {
        guard case .refused(let status, _) = read(text) else {
            Issue.record("\(text.prefix(60)) is not refused: \(read(text))")
            return
        }
        #expect((400...505).contains(status))
    }

    @Test("a head without end is not waited for")
    func endless() {
        for start in ["CONNECT ", "CONNECT a:1 HTTP/1.1\r\nX: "] {
            let result = read(start + String(repeating: "a", count: 20_000))
            guard case .refused(let status, _) = result else {
                Issue.record("\(start) is not refused: \(result)")
                continue
            }
            #expect((400...505).contains(status))
        }
    }

    @Test("cut and damaged heads never crash")
    func fuzz() throws {
        var random = SeededGenerator(14)
        let good = Array("CONNECT host.example:443 HTTP/1.1\r\nHost: host.example\r\nA: b\r\n\r\n".utf8)
        for _ in 0..<iterations {
            let bytes = random.damage(good)
            if case .connect(_, let port, let length) = ProxyRequest.read(bytes[...]) {
                try #require(length <= bytes.count && port > 0 && bytes[..<length].suffix(4).elementsEqual([13, 10, 13, 10]))
            }
        }
    }
}
