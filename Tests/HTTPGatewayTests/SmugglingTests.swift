import HTTPGateway
import Testing

/// Messages that two readers could understand differently, from both sides.
@Suite struct SmugglingTests {
    static let requests: [(String, String)] = [
        ("both lengths", "POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("two lengths", "POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        ("the same length twice", "POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
        ("a list of lengths", "POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5, 5\r\n\r\nhello"),
        ("a signed length", "POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: +5\r\n\r\nhello"),
        ("a hexadecimal length", "POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 0x5\r\n\r\nhello"),
        ("a huge length", "POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 18446744073709551617\r\n\r\nhello"),
        ("another coding", "POST / HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ("a disguised coding", "POST / HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("a coding with a tab", "POST / HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: \u{0B}chunked\r\n\r\n0\r\n\r\n"),
        (
            "two codings",
            "POST / HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
        ),
        ("a blank before the colon", "POST / HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        ("a coding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("no host", "GET / HTTP/1.1\r\n\r\n"),
        ("two hosts", "GET / HTTP/1.1\r\nHost: api.example.com\r\nHost: api.example.com\r\n\r\n"),
        ("another host", "GET / HTTP/1.1\r\nHost: evil.example.com\r\n\r\n"),
        ("another port", "GET / HTTP/1.1\r\nHost: api.example.com:8080\r\n\r\n"),
        ("a trailing dot", "GET / HTTP/1.1\r\nHost: api.example.com.\r\n\r\n"),
        ("a user in the host", "GET / HTTP/1.1\r\nHost: evil@api.example.com\r\n\r\n"),
        ("a NUL in the host", "GET / HTTP/1.1\r\nHost: api.example.com\0.evil.com\r\n\r\n"),
        ("another absolute form", "GET http://evil.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("another scheme", "GET https://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("an authority with a user", "GET http://u@api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("a folded field", "GET / HTTP/1.1\r\nHost: api.example.com\r\nX-A: b\r\n c\r\n\r\n"),
        ("a folded first field", "GET / HTTP/1.1\r\n Host: api.example.com\r\n\r\n"),
        ("bare LF", "GET / HTTP/1.1\nHost: api.example.com\n\n"),
        ("bare LF in a field", "GET / HTTP/1.1\r\nHost: api.example.com\r\nX-A: b\nX-B: c\r\n\r\n"),
        ("bare CR in a field", "GET / HTTP/1.1\r\nHost: api.example.com\r\nX-A: b\rX-B: c\r\n\r\n"),
        ("NUL in a field", "GET / HTTP/1.1\r\nHost: api.example.com\r\nX-A: b\0c\r\n\r\n"),
        ("a name with a blank", "GET / HTTP/1.1\r\nHost: api.example.com\r\nX A: b\r\n\r\n"),
        ("no name", "GET / HTTP/1.1\r\nHost: api.example.com\r\n: b\r\n\r\n"),
        ("no colon", "GET / HTTP/1.1\r\nHost: api.example.com\r\nnothing\r\n\r\n"),
        ("two blanks", "GET  / HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("a tab", "GET\t/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("a blank in the target", "GET /a b HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("a fragment", "GET /a#b HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("no slash", "GET a HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("HTTP/0.9", "GET /\r\n\r\n"),
        ("HTTP/2", "GET / HTTP/2.0\r\nHost: api.example.com\r\n\r\n"),
        ("HTTP/1.10", "GET / HTTP/1.10\r\nHost: api.example.com\r\n\r\n"),
        ("the preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("CONNECT", "CONNECT evil.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n\r\n"),
        ("CONNECT to itself", "CONNECT api.example.com:80 HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("Host as a connection option", "GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close, Host\r\n\r\n"),
        ("Authorization as a connection option", "GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: authorization\r\n\r\n"),
        ("an unknown expectation", "GET / HTTP/1.1\r\nHost: api.example.com\r\nExpect: 200-ok\r\n\r\n"),
        ("a long target", "GET /\(String(repeating: "a", count: 17000)) HTTP/1.1\r\nHost: api.example.com\r\n\r\n"),
        ("a long field", "GET / HTTP/1.1\r\nHost: api.example.com\r\nX: \(String(repeating: "a", count: 17000))\r\n\r\n"),
        ("many fields", "GET / HTTP/1.1\r\nHost: api.example.com\r\n\(String(repeating: "X: y\r\n", count: 300))\r\n"),
        (
            "a long head",
            "GET / HTTP/1.1\r\nHost: api.example.com\r\n\(String(repeating: "X: \(String(repeating: "y", count: 8000))\r\n", count: 9))\r\n"
        ),
        ("an endless head", String(repeating: "a", count: 70000)),
        ("TLS", "\u{16}\u{03}\u{01}\u{02}\r\n\r\n"),
    ]

    @Test("a request with two readings is refused before it is judged", arguments: requests)
    func request(name: String, text: String) throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext)
        let client = try gateway.connect()
        // The peer may have answered and closed before everything was written.
        try? client.send(text)
        client.endInput()
        let answer = client.readAll()
        #expect(answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.1 5"), "\(name): \(answer)")
        #expect(!answer.contains("HTTP/1.1 2"))
        #expect(gateway.judged.isEmpty)
        #expect(upstream.connections == 0)
        #expect(gateway.incidents(awaiting: 1).count == 1)
    }

    static let bodies: [(String, String)] = [
        ("no size", "\r\nabc\r\n0\r\n\r\n"), ("a negative size", "-1\r\na\r\n0\r\n\r\n"), ("0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("a blank", " 3\r\nabc\r\n0\r\n\r\n"), ("a blank after", "3 \r\nabc\r\n0\r\n\r\n"), ("bare LF", "3\nabc\r\n0\r\n\r\n"),
        ("a size that lies", "2\r\nabc\r\n0\r\n\r\n"), ("no end", "3\r\nabcd\r\n0\r\n\r\n"),
        ("a huge size", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        ("LF in an extension", "3;a=\nb\r\nabc\r\n0\r\n\r\n"), ("CR in an extension", "3;a=\rb\r\nabc\r\n0\r\n\r\n"),
        ("a long extension", "3;\(String(repeating: "a", count: 400))\r\nabc\r\n0\r\n\r\n"),
        ("a length as a trailer", "3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n"), ("a host as a trailer", "0\r\nHost: evil\r\n\r\n"),
        ("a folded trailer", "0\r\nX: a\r\n b\r\n\r\n"), ("LF after the last chunk", "0\n\n"),
        ("a secret as a trailer", "0\r\nAuthorization: x\r\n\r\n"),
    ]

    @Test("a body with broken chunks ends the exchange", arguments: bodies)
    func body(name: String, text: String) throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext)
        let client = try gateway.connect()
        try client.send("POST /echo HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n" + text)
        let answer = client.readAll()
        #expect(answer.hasPrefix("HTTP/1.1 4"), "\(name): \(answer)")
        #expect(gateway.incidents(awaiting: 1).count == 1)
    }

    static let responses: [(String, String)] = [
        ("both lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        ("a bad length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        ("another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
        ("a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a folded field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"), ("bare LF", "HTTP/1.1 200 OK\nX: a\n\n"),
        ("a bare CR", "HTTP/1.1 200 OK\r\nX: a\rY: b\r\n\r\n"), ("NUL", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"),
        ("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"), ("no status", "HTTP/1.1 OK\r\n\r\n"), ("a status of 99", "HTTP/1.1 099 OK\r\n\r\n"),
        ("a status of 600", "HTTP/1.1 600 OK\r\n\r\n"),
        ("an upgrade nobody asked for", "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        ("a huge field", "HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 20000))\r\n\r\n"),
        ("an endless head", "HTTP/1.1 200 OK\r\n" + String(repeating: "X: a\r\n", count: 20000)),
        ("many 1xx", String(repeating: "HTTP/1.1 103 Early\r\n\r\n", count: 100)),
        ("half a head", "HTTP/1.1 200 OK\r\nX: a"), ("nothing", ""),
    ]

    @Test("a response with two readings becomes a 502, and only its connection is closed", arguments: responses)
    func response(name: String, text: String) throws {
        let upstream = try ScriptedServer([text])
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext)
        let client = try gateway.connect()
        for _ in 0..<2 {
            try client.send("POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 0\r\n\r\n")
            var answer = client.read(until: "\r\n\r\n")
            while answer.hasPrefix("HTTP/1.1 103") { answer = client.read(until: "\r\n\r\n") }
            #expect(answer.hasPrefix("HTTP/1.1 502"), "\(name): \(answer)")
            #expect(client.read(until: "\n").hasPrefix("coop: api.example.com: the host "), "\(name)")
        }
        #expect(gateway.incidents(awaiting: 2).count == 2)
    }

    @Test("a body that breaks off does not look complete")
    func truncated() throws {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
        ] {
            let upstream = try ScriptedServer([text])
            let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext)
            let client = try gateway.connect()
            try client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
            let answer = client.readAll()
            // A length that is not reached, or chunks without the last one, or nothing at all.
            #expect(!answer.hasSuffix("0\r\n\r\n") && !answer.contains("Content-Length: 5"), "\(answer)")
        }
    }

    @Test("bytes after a response are never the answer to the next request")
    func splitting() throws {
        let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        let upstream = try ScriptedServer([good + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", good])
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext)
        let client = try gateway.connect()
        for _ in 0..<2 {
            try client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
            #expect(client.read(until: "ok").hasSuffix("\r\n\r\nok"))
        }
        #expect(!client.received.contains(UInt8(ascii: "e")))
    }

    @Test("fields of one connection do not pass")
    func hopByHop() throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext)
        let client = try gateway.connect()
        try client.send(
            "GET /echo HTTP/1.1\r\nHost: api.example.com\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Connection: a\r\n"
                + "Proxy-Authorization: b\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\nTE: trailers, gzip\r\nTrailer: X\r\nX-Other: 2\r\n\r\n"
        )
        let answer = client.readAll()
        for name in ["x-mine", "keep-alive", "proxy-", "upgrade", "http2-settings", "gzip"] { #expect(!answer.contains(name), "\(name)") }
        #expect(answer.contains("x-other: 2"))
        #expect(answer.contains("te: trailers"))
    }

    @Test("the port may be written, and absolute form to itself is understood")
    func sameHost() throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext)
        let client = try gateway.connect()
        try client.send("GET http://API.example.com:80/echo?x HTTP/1.1\r\nHost: Api.Example.com\r\nConnection: close\r\n\r\n")
        let answer = client.readAll()
        #expect(answer.contains("GET /echo?x\nhost: api.example.com\n"), "\(answer)")
    }
}
