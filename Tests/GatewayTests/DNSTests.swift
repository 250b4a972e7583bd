import GatewayProtocol
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import GatewayEngine

/// Queries as bytes, and what their answers say.
enum DNSBytes {
    static func name(_ text: String) -> [UInt8] { text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0] }

    static func query(
        _ text: String, type: UInt8 = 1, id: [UInt8] = [0xAB, 0xCD], flags: [UInt8] = [1, 0], extra: [UInt8] = [], additions: UInt8 = 0
    ) -> [UInt8] {
        id + flags + [0, 1, 0, 0, 0, 0, 0, additions] + name(text) + [0, type, 0, 1] + extra
    }

    static let option: [UInt8] = [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]

    static func code(_ answer: [UInt8]) -> UInt8 { answer[3] & 15 }
    static func counts(_ answer: [UInt8]) -> [Int] { stride(from: 4, to: 12, by: 2).map { Int(answer[$0]) << 8 | Int(answer[$0 + 1]) } }
}

/// A responder that expectations can ask.
private final class Responder {
    private var responder: DNSResponder
    var table: NameTable { responder.table }

    init(limit: Int) { responder = DNSResponder(table: NameTable(limit: limit)) }
    func answer(_ query: ArraySlice<UInt8>) -> [UInt8]? { responder.answer(query) }
}

@Suite struct DNSResponderTests {
    @Test("A gets a synthetic address, in an answer that repeats the question to the letter")
    func address() throws {
        let responder = Responder(limit: 10)
        let query = DNSBytes.query("eXaMple.COM")
        let answer = try #require(responder.answer(query[...]))
        #expect(Array(answer[..<4]) == [0xAB, 0xCD, 0x81, 0x80] && DNSBytes.counts(answer) == [1, 1, 0, 0])
        #expect(Array(answer[12..<query.count]) == Array(query[12...]))
        #expect(Array(answer.suffix(4)) == [198, 18, 1, 0])
        #expect(responder.table.name(of: IPv4Address(198, 18, 1, 0)) == "example.com")
        #expect(responder.answer(DNSBytes.query("example.com")[...])?.suffix(4) == [198, 18, 1, 0])
    }

    @Test(
        "other types have no data, with an SOA that lets clients keep that",
        arguments: [28, 65, 64, 16, 15, 2, 33, 6, 5, 255, 99] as [UInt8])
    func otherTypes(_ type: UInt8) throws {
        let responder = Responder(limit: 10)
        let answer = try #require(responder.answer(DNSBytes.query("example.com", type: type)[...]))
        #expect(DNSBytes.code(answer) == 0 && DNSBytes.counts(answer) == [1, 0, 1, 0])
        #expect(responder.table.count == 0)
    }

    @Test("a full table is a failure of the server, and what has an address keeps it")
    func full() throws {
        let responder = Responder(limit: 2)
        for name in ["a.example", "b.example"] { #expect(responder.answer(DNSBytes.query(name)[...])?.count ?? 0 > 30) }
        #expect(responder.answer(DNSBytes.query("c.example")[...]).map(DNSBytes.code) == 2)
        #expect(responder.answer(DNSBytes.query("A.example")[...]).map(DNSBytes.code) == 0)
    }

    @Test("reverse names of synthetic addresses are known, others are not")
    func reverse() throws {
        let responder = Responder(limit: 2)
        _ = responder.answer(DNSBytes.query("a.example")[...])
        let answer = try #require(responder.answer(DNSBytes.query("0.1.18.198.in-addr.arpa", type: 12)[...]))
        #expect(DNSBytes.code(answer) == 0 && Array(answer.suffix(11)) == DNSBytes.name("a.example"))
        let local = try #require(responder.answer(DNSBytes.query("1.0.0.127.in-addr.arpa", type: 12)[...]))
        #expect(Array(local.suffix(11)) == DNSBytes.name("localhost"))
        for name in ["1.1.18.198.in-addr.arpa", "1.0.18.198.in-addr.arpa", "8.8.8.8.in-addr.arpa", "1.18.198.in-addr.arpa", "1.ip6.arpa"] {
            #expect(responder.answer(DNSBytes.query(name, type: 12)[...]).map(DNSBytes.code) == 3, "\(name)")
        }
    }

    @Test("names that are special are answered without an address of the table")
    func special() {
        let responder = Responder(limit: 2)
        #expect(responder.answer(DNSBytes.query("localhost")[...])?.suffix(4) == [127, 0, 0, 1])
        #expect(responder.answer(DNSBytes.query("x.localhost")[...])?.suffix(4) == [127, 0, 0, 1])
        #expect(responder.answer(DNSBytes.query("localhost", type: 28)[...]).map(DNSBytes.counts) == [1, 0, 1, 0])
        for name in ["a.invalid", "b.onion", "1.2.3.4", "a b", "-x.example", "a.0x1"] {
            #expect(responder.answer(DNSBytes.query(name)[...]).map(DNSBytes.code) == 3, "\(name)")
        }
        #expect(responder.answer(DNSBytes.query("")[...]).map(DNSBytes.code) == 0)
        // A dot inside a label is not a dot between labels.
        let dotted = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3] + Array("a.b".utf8) + [7] + Array("example".utf8) + [0, 0, 1, 0, 1]
        #expect(responder.answer(dotted[...]).map(DNSBytes.code) == 3)
        #expect(responder.table.count == 0)
    }

    @Test("EDNS is answered with EDNS, and an unknown version with BADVERS")
    func extensions() throws {
        let responder = Responder(limit: 2)
        let answer = try #require(responder.answer(DNSBytes.query("a.example", extra: DNSBytes.option, additions: 1)[...]))
        #expect(DNSBytes.counts(answer) == [1, 1, 0, 1] && Array(answer.suffix(11)) == [0, 0, 41, 4, 0xD0, 0, 0, 0, 0, 0, 0])
        var version = DNSBytes.option
        version[6] = 1
        let refused = try #require(responder.answer(DNSBytes.query("a.example", extra: version, additions: 1)[...]))
        #expect(DNSBytes.code(refused) == 0 && Array(refused.suffix(11)) == [0, 0, 41, 4, 0xD0, 1, 0, 0, 0, 0, 0])
    }

    @Test("malformed queries get a code or no answer at all")
    func malformed() {
        let responder = Responder(limit: 2)
        let good = DNSBytes.query("a.example")
        #expect(responder.answer([]) == nil && responder.answer(good[..<11]) == nil)
        // An answer is not answered.
        #expect(responder.answer(DNSBytes.query("a.example", flags: [0x81, 0x80])[...]) == nil)
        #expect(responder.answer(DNSBytes.query("a.example", flags: [0x11, 0])[...]).map(DNSBytes.code) == 4)
        #expect(responder.answer(DNSBytes.query("a.example", type: 252)[...]).map(DNSBytes.code) == 5)
        let formErrors: [[UInt8]] = [
            good + [0], Array(good.dropLast()), [0, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0] + good[12...] + good[12...],
            [0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0] + good[12...], [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 12, 0, 1, 0, 1], [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0, 1, 0, 1],
            DNSBytes.query("a.example", extra: [1, 65, 0, 0, 41, 0, 0, 0, 0, 0, 0, 0, 0], additions: 1),
            DNSBytes.query((0..<5).map { _ in String(repeating: "a", count: 60) }.joined(separator: ".")),
        ]
        for query in formErrors { #expect(responder.answer(query[...]).map(DNSBytes.code) == 1, "\(query)") }
        let chaos = Array(good.dropLast()) + [3]
        #expect(responder.answer(chaos[...]).map(DNSBytes.code) == 5)
        #expect(responder.table.count == 0)
    }

    @Test("damaged and random queries never crash, and answers stay small")
    func fuzz() throws {
        var random = SeededGenerator(15)
        let responder = Responder(limit: 100)
        let good = DNSBytes.query("www.host.example", extra: DNSBytes.option, additions: 1)
        for _ in 0..<iterations {
            let query = random.pick(5) == 0 ? random.bytes(random.pick(100)) : random.damage(good)
            guard let answer = responder.answer(query[...]) else { continue }
            try #require(answer.count >= 12 && answer.count <= query.count + 64 && answer[2] & 0x80 != 0)
            try #require(Array(answer[..<2]) == Array(query[..<2]))
        }
        #expect(responder.table.count <= 100)
    }
}

@Suite struct DNSSocketTests {
    @Test("queries are answered over UDP and TCP, several on one connection and in pieces, from the same table")
    func sockets() throws {
        let supervisor = try ScriptedSupervisor([.dns, .dnsStream], script: ScriptedSupervisor.denying)
        let datagram = try Loopback.connectDatagram(supervisor.ports[0])
        try datagram.sendAll(DNSBytes.query("a.example"))
        #expect(try datagram.receiveSome().suffix(4) == [198, 18, 1, 0])
        let stream = try Loopback.connect(supervisor.ports[1])
        let queries = ["b.example", "a.example"].map { DNSBytes.query($0) }
        let bytes: [UInt8] = queries.flatMap { [0, UInt8($0.count)] + $0 }
        for byte in bytes { try stream.sendAll([byte]) }
        for (index, expected) in [[198, 18, 1, 1], [198, 18, 1, 0]].enumerated() {
            let length = try stream.receive(2)
            let answer = try stream.receive(Int(length[0]) << 8 | Int(length[1]))
            #expect(answer.suffix(4).map { Int($0) } == expected && answer.count == queries[index].count + 16)
        }
        for hostile in [[0, 0], [0xFF, 0xFF], [0, 12] + [UInt8](repeating: 0xFF, count: 12)] as [[UInt8]] {
            let other = try Loopback.connect(supervisor.ports[1])
            try other.sendAll(hostile)
            #expect(try other.isReset())
        }
        _ = try supervisor.shutDown()
        #expect(supervisor.messages == [.ready(version: 1)])
    }
}
