import Testing

@testable import NativeEngine

/// The wire format, against bytes that an independent implementation made.
@Suite struct DBusMessageTests {
    /// StartTransientUnit as another D-Bus library writes it.
    private static let golden = bytes(
        """
        6c010001b800000003000000b600000001016f00190000002f6f72672f667265656465736b746f702f73797374656d6431000000000000000201730020
        0000006f72672e667265656465736b746f702e73797374656d64312e4d616e616765720000000000000000030173001200000053746172745472616e73
        69656e74556e697400000000000006017300180000006f72672e667265656465736b746f702e73797374656d6431000000000000000008016700107373
        61287376296128736128737629290000000c000000636f6f702d782e73636f706500000000040000006661696c0000000088000000000000000b000000
        4465736372697074696f6e00017300000c000000636f6f702073616e64626f78000000000800000044656c65676174650001620001000000000000000b
        000000436f6c6c6563744d6f6465000173000012000000696e6163746976652d6f722d6661696c65640000000000000400000050494473000261750000
        000004000000921000000000000000000000
        """)

    /// The signal JobRemoved(7, …/job/7, coop-x.scope, done), in both byte orders.
    private static let signals = [
        bytes(
            """
            6c04000145000000090000007a00000001016f00190000002f6f72672f667265656465736b746f702f73797374656d64310000000000000002017300
            200000006f72672e667265656465736b746f702e73797374656d64312e4d616e616765720000000000000000030173000a0000004a6f6252656d6f76
            65640000000000000801670004756f737300000000000000070000001f0000002f6f72672f667265656465736b746f702f73797374656d64312f6a6f
            622f37000c000000636f6f702d782e73636f70650000000004000000646f6e6500
            """),
        bytes(
            """
            4204000100000045000000090000007a01016f00000000192f6f72672f667265656465736b746f702f73797374656d64310000000000000002017300
            000000206f72672e667265656465736b746f702e73797374656d64312e4d616e616765720000000000000000030173000000000a4a6f6252656d6f76
            65640000000000000801670004756f737300000000000000000000070000001f2f6f72672f667265656465736b746f702f73797374656d64312f6a6f
            622f37000000000c636f6f702d782e73636f70650000000000000004646f6e6500
            """),
    ]

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
    }

    @Test func `a request for a scope has the bytes that other implementations write`() {
        let message = SystemdScope.startTransientUnit(
            "coop-x.scope", pid: 4242, destination: "org.freedesktop.systemd1", serial: 3)
        #expect(message.encoded == DBusMessageTests.golden)
    }

    /// The four limits as `a(sv)`, as another D-Bus library writes them.
    private static let limits = bytes(
        """
        8000000000000000090000004d656d6f72794d6178000174000000000000000000000004000000000d0000004d656d6f7279537761704d617800017400
        0000000000000000000000080000005461736b734d61780001740021000000000000001200000043505551756f7461506572536563555365630001740000
        000000000020a1070000000000
        """)

    @Test func `limits are properties of systemd's types`() {
        let limits = SystemdScope.Limits(memory: 64 << 20, swap: 0, tasks: 33, cpus: 0.5)
        var writer = DBusMessage.Writer()
        writer.array(elementAlignment: 8) { for (name, value) in limits.properties { $0.property(name, "t") { $0.uint64(value) } } }
        #expect(writer.bytes == DBusMessageTests.limits)
    }

    @Test func `absurd limits become the nearest possible ones`() {
        func quota(_ cpus: Double) -> UInt64? { SystemdScope.Limits(cpus: cpus).properties.first?.1 }
        #expect(quota(-1) == 10_000)
        #expect(quota(0) == 10_000)
        #expect(quota(1e300) == 1_000_000_000_000)
        #expect(quota(.nan) == nil)
        #expect(quota(.infinity) == nil)
    }

    @Test func `on the private socket the request has no destination`() throws {
        let message = SystemdScope.startTransientUnit("coop-x.scope", pid: 1, destination: nil, serial: 3)
        #expect(try DBusMessage(decoding: message.encoded).destination == nil)
    }

    @Test func `what is written is read back as it was`() throws {
        var message = DBusMessage(kind: .error, serial: 77)
        message.errorName = "org.example.Error"
        message.replySerial = 3
        message.sender = ":1.5"
        message.flags = 1
        message = message.with("s") { $0.string("näh") }
        let read = try DBusMessage(decoding: message.encoded)
        #expect(read == message)
        var body = read.bodyReader
        #expect(try body.string() == "näh")
    }

    @Test(arguments: [0, 1]) func `a signal is read in either byte order`(order: Int) throws {
        let message = try DBusMessage(decoding: DBusMessageTests.signals[order])
        #expect(message.kind == .signal)
        #expect(message.serial == 9)
        #expect(message.member == "JobRemoved")
        #expect(message.signature == "uoss")
        var body = message.bodyReader
        #expect(try body.uint32() == 7)
        #expect(try body.string() == "/org/freedesktop/systemd1/job/7")
        #expect(try body.string() == "coop-x.scope")
        #expect(try body.string() == "done")
    }

    @Test func `the length is known from the first sixteen bytes and not before`() throws {
        let golden = DBusMessageTests.golden
        #expect(try DBusMessage.length(of: golden.prefix(15)) == nil)
        #expect(try DBusMessage.length(of: golden.prefix(16)) == golden.count)
        #expect(try DBusMessage.length(of: golden + golden) == golden.count)
    }

    @Test func `a message that claims to be enormous is refused before it is waited for`() {
        var head = Array(DBusMessageTests.golden.prefix(16))
        head.replaceSubrange(4..<8, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: DBusMessage.Malformed.self) { try DBusMessage.length(of: head) }
        head.replaceSubrange(4..<8, with: [0, 0, 0, 0])
        head.replaceSubrange(12..<16, with: [0xF8, 0xFF, 0xFF, 0xFF])
        #expect(throws: DBusMessage.Malformed.self) { try DBusMessage.length(of: head) }
    }

    @Test func `every truncation is refused`() {
        for original in [DBusMessageTests.golden] + DBusMessageTests.signals {
            for count in 0..<original.count {
                #expect(throws: DBusMessage.Malformed.self) { try DBusMessage(decoding: Array(original.prefix(count))) }
            }
        }
    }

    @Test func `hostile bytes are refused or read, and never crash`() {
        var random = SystemRandomNumberGenerator()
        for round in 0..<50_000 {
            var bytes = round % 2 == 0 ? DBusMessageTests.golden : DBusMessageTests.signals[round % 4 / 2]
            switch round % 5 {
            case 0:
                bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            case 1:
                bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
            default:
                for _ in 0...Int.random(in: 0...8, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            guard let message = try? DBusMessage(decoding: bytes) else { continue }
            var body = message.bodyReader
            while (try? body.string()) != nil {}
            body = message.bodyReader
            _ = try? body.arrayEnd(elementAlignment: 8)
            while (try? body.uint32()) != nil {}
            // What could be read can be written and read again.
            var copy = message
            if copy.isBigEndian { copy = copy.with("") { _ in } }
            copy.isBigEndian = false
            #expect((try? DBusMessage(decoding: copy.encoded)) == copy)
        }
    }
}
