import Glibc
import Netlink
import TestSupport
import Testing

/// How many random inputs each property gets; `COOP_FUZZ_ITERATIONS` for a long run.
private let iterations = getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? 3_000

@Suite struct NetlinkMessagesTests {
    private static let rules = GatewayRules(address: [198, 18, 0, 1], redirectPort: 1021, dnsPort: 1022).ruleset

    @Test("what is written is found again: types, sequence numbers, headers and attributes")
    func roundTrip() throws {
        var writer = NetlinkWriter()
        writer.message(type: 7, flags: 0, header: [1, 2, 3], subject: "first") { writer in
            writer.attribute(1, text: "coop")
            writer.attribute(2, bigEndian: 0x0102_0304)
            writer.nested(3) { $0.attribute(9, bytes: [5]) }
        }
        writer.message(type: 8, flags: 0, header: [], subject: "second")
        let messages = try NetlinkMessages(writer.bytes)
        #expect(messages.list.map(\.type) == [7, 8] && messages.list.map(\.sequence) == [0, 1])
        #expect(try Array(messages.header(messages.list[0], size: 3)) == [1, 2, 3])
        let range = try messages.attributes(messages.list[0], after: 3)
        #expect(try messages.content(1, in: range).map { Array($0) } == Array("coop\0".utf8))
        #expect(try messages.content(2, in: range).map { Array($0) } == [1, 2, 3, 4])
        let nested = try #require(try messages.attribute(3, in: range))
        #expect(nested.isNested)
        #expect(try messages.content(9, in: nested.content).map { Array($0) } == [5])
        #expect(try messages.attribute(4, in: range) == nil)
    }

    @Test("an attribute that is there twice is none")
    func twice() throws {
        var writer = NetlinkWriter()
        writer.message(type: 7, flags: 0, header: [], subject: "") { writer in
            writer.attribute(1, native: 1)
            writer.attribute(1, native: 1)
        }
        let messages = try NetlinkMessages(writer.bytes)
        #expect(try messages.attribute(1, in: messages.attributes(messages.list[0], after: 0)) == nil)
    }

    @Test("damaged, cut and random answers are refused or differ, and never crash")
    func damage() throws {
        var random = SeededGenerator(1)
        let whole = NetlinkMessagesTests.rules.transaction().bytes
        for round in 0..<iterations {
            var bytes =
                round % 2 == 0
                ? whole : (0..<Int.random(in: 0...400, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            if round % 4 == 0 { bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))) }
            for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let messages = try? NetlinkMessages(bytes) else { continue }
            for message in messages.list {
                guard var rest = try? messages.attributes(message, after: 4) else { continue }
                while let attribute = try? messages.next(&rest) { #expect(attribute.content.upperBound <= bytes.count) }
            }
            #expect(
                (try? NetlinkMessagesTests.rules.difference(tables: messages, chains: messages, rules: messages)) != .some(.none))
            _ = try? LoopbackRouting.difference(address: [198, 18, 0, 1], routes: messages, addresses: messages)
        }
    }

    @Test("dotted addresses are read strictly", arguments: ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::1", "a", "01.2.3.4 "])
    func addresses(_ text: String) {
        #expect(AddressText.bytes(text) == nil)
        #expect(AddressText.bytes("198.18.0.1") == [198, 18, 0, 1])
    }
}
