import Crypto
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import Audit

@Suite struct FormatTests {
    @Test("the code is HMAC-SHA256: as the library computes it, and as RFC 4231 has it for a long message")
    func hmac() throws {
        var random = SeededGenerator(1)
        for length in [0, 1, 55, 56, 63, 64, 65, 300, 5000] {
            let bytes = (0..<ChainKey.byteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
            let message = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            let expected = HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: bytes))
            let found = message.withUnsafeBytes { ChainKey(bytes).code(of: $0) }
            #expect(expected.withUnsafeBytes { MessageCode(bytes: $0) } == found)
        }
    }

    @Test("a code reads exactly 64 lower-case digits")
    func digits() {
        var random = SeededGenerator(2)
        for _ in 0..<200 {
            let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
            let code = bytes.withUnsafeBytes { MessageCode(bytes: $0) }
            var text = Array(code.description.utf8)
            #expect(text.count == 64 && text.withUnsafeBytes { MessageCode(hex: $0) } == code)
            #expect(code.description == bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
            let place = Int.random(in: 0..<64, using: &random)
            for byte in UInt8.min...UInt8.max where !"0123456789abcdef".utf8.contains(byte) {
                text[place] = byte
                #expect(text.withUnsafeBytes { MessageCode(hex: $0) } == nil, "\(byte)")
            }
        }
    }

    @Test("a line is JSON with the documented fields; anybody can check it with the key and a few lines of script")
    func documented() throws {
        let scratch = try Scratch()
        let log = try AuditLog(directory: scratch.log)
        let time = AuditTime(milliseconds: 1_772_366_400_250)
        let number = try log.append(AuditEntry(.egress, session: "k3v9", time: time, details: [AuditDetail("host", "a.example")]))
        #expect(number == 2)
        let lines = try scratch.lines().map { String(decoding: $0, as: UTF8.self) }
        #expect(
            lines[1].hasPrefix(
                "{\"seq\":2,\"at\":\"2026-03-01T12:00:00.250Z\",\"session\":\"k3v9\",\"type\":\"egress\",\"details\":{\"host\":\"a.example\"},\"prev\":\""
            ))
        let key = SymmetricKey(data: try scratch.read("key"))
        var previous = String(repeating: "0", count: 64)
        for line in lines {
            let parts = line.split(separator: ",\"mac\":\"")
            let mac = HMAC<SHA256>.authenticationCode(for: Array(parts[0].utf8), using: key).map {
                ($0 < 16 ? "0" : "") + String($0, radix: 16)
            }
            #expect(parts[1] == mac.joined() + "\"}")
            #expect(parts[0].hasSuffix(",\"prev\":\"\(previous)\""))
            previous = mac.joined()
        }
    }

    @Test("times are RFC 3339 in UTC with milliseconds, for every day")
    func times() {
        #expect(AuditTime(milliseconds: 0).description == "1970-01-01T00:00:00.000Z")
        #expect(AuditTime(milliseconds: 951_782_399_999).description == "2000-02-28T23:59:59.999Z")
        #expect(AuditTime(milliseconds: 951_782_400_000).description == "2000-02-29T00:00:00.000Z")
        #expect(AuditTime(milliseconds: .max).description == "9999-12-31T23:59:59.999Z")
        #expect(AuditTime(milliseconds: .min).description == "1970-01-01T00:00:00.000Z")
        var random = SeededGenerator(3)
        for _ in 0..<5000 {
            let time = AuditTime(milliseconds: Int64.random(in: 0...253_402_300_799_999, using: &random))
            #expect(AuditTime(time.description) == time)
            var seconds = time_t(time.milliseconds / 1000)
            var broken = tm()
            gmtime_r(&seconds, &broken)
            #expect(time.description.hasPrefix("\(broken.tm_year + 1900)-"))
            #expect(
                time.description.split(separator: "T")[0].split(separator: "-").compactMap { Int32($0) }.suffix(2) == [
                    broken.tm_mon + 1, broken.tm_mday,
                ])
        }
        #expect(AuditTime("2026-03-01") == AuditTime("2026-03-01T00:00:00Z"))
        #expect(AuditTime("2026-03-01T02:00:00+02:00") == AuditTime("2026-03-01T00:00:00.000z"))
        #expect(AuditTime("2026-03-01T00:00:00.5Z")?.description == "2026-03-01T00:00:00.500Z")
        for wrong in [
            "", "2026", "2026-13-01", "2026-02-29", "2026-00-01", "2026-01-00", "1969-12-31", "2026-03-01T", "2026-03-01T24:00:00Z",
            "2026-03-01T00:60:00Z", "2026-03-01T00:00:00", "2026-03-01T00:00:00.Z", "2026-03-01T00:00:00Zx", "2026-03-01 00:00:00Z",
            "2026-03-01T00:00:00+2:00", "20260301T000000Z", "2026-03-01T00:00:00.999999999999999999999999Z",
        ] { #expect(AuditTime(wrong) == nil, "\(wrong)") }
    }

    /// Entries that try to break out of their line.
    static func hostileEntry(_ random: inout SeededGenerator) -> AuditEntry {
        let pieces = [
            "\"", "\\", "\n", "\r", "\t", "\0", "\u{1B}[2J", "\u{7F}", "\u{9B}", "\u{2028}", "\u{202E}", "\u{FEFF}", "\u{E0041}", "é", "鶏",
            "🐔",
            "\u{301}", "\",\"prev\":\"", "{", "}", ",", "\u{10FF80}", "\u{10FFFF}", "\u{F0000}", "\\u0041", "a", "\u{D7FF}", "\u{E000}",
            String(osBytes: [0xFF, 0xC0, 0x80]),
        ]
        func text() -> String {
            (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
        }
        let details = (0..<Int.random(in: 0...6, using: &random)).map { _ -> AuditDetail in
            switch Int.random(in: 0...3, using: &random) {
            case 0: AuditDetail(text(), text())
            case 1: AuditDetail(text(), Int64.random(in: .min ... .max, using: &random))
            case 2: AuditDetail(text(), Bool.random(using: &random))
            default: AuditDetail(text(), .list((0..<Int.random(in: 0...4, using: &random)).map { _ in text() }))
            }
        }
        return AuditEntry(
            AuditEntryType(rawValue: text()), session: text(),
            time: AuditTime(milliseconds: Int64.random(in: 0...4_000_000_000_000, using: &random)), details: details)
    }

    private func line(_ entry: AuditEntry) -> [UInt8] {
        var batch = EncodedBatch()
        batch.append(entry, EntryEncoder())
        var bytes: [UInt8] = []
        _ = LogLine.append(
            sequence: 7, body: batch.bytes[...], previous: .zero, key: ChainKey([UInt8](repeating: 1, count: 32)), to: &bytes)
        #expect(bytes.count <= batch.lineBytes)
        return bytes
    }

    @Test("whatever an entry holds: one line, valid UTF-8, no control, and what is read back is what was written")
    func hostile() throws {
        var random = SeededGenerator(4)
        for _ in 0..<2000 {
            let entry = FormatTests.hostileEntry(&random)
            let bytes = line(entry)
            #expect(bytes.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7F } && bytes.last == 0x0A && bytes.count <= AuditLimits.line)
            let text = try #require(String(validating: bytes.dropLast(), as: UTF8.self))
            #expect(text.printable.unicodeScalars.elementsEqual(text.unicodeScalars), "harmless on a terminal: \(text.debugDescription)")
            let record = try #require(bytes.dropLast().withUnsafeBytes { AuditRecord(line: $0) }, "\(text)")
            #expect(record.json == text && record.sequence == 7)
            guard entry.session.utf8.count <= 10, entry.type.rawValue.utf8.count <= 10, !text.contains("… +") else { continue }
            // By scalars: `==` on strings is up to Unicode normalisation.
            #expect("\(record.entry)".unicodeScalars.elementsEqual("\(entry)".unicodeScalars))
        }
    }

    @Test("long texts are cut off and say by how much; too many details are left out and counted")
    func long() throws {
        let huge = String(repeating: "é\u{1B}", count: 1 << 20)
        let many = (0..<10_000).map { AuditDetail("name-\($0)", String(repeating: "x", count: 100)) }
        for details in [
            [AuditDetail("a", huge)], [AuditDetail(huge, 1)], [AuditDetail("a", .list([huge, huge, huge]))],
            [AuditDetail("a", .list(Array(repeating: "x", count: 100_000)))], many, Array(repeating: AuditDetail("a", huge), count: 100),
        ] {
            let bytes = line(AuditEntry(.egress, session: huge, details: details))
            #expect(bytes.count < AuditLimits.line)
            #expect(bytes.dropLast().withUnsafeBytes { AuditRecord(line: $0) } != nil)
        }
        let text = String(
            decoding: line(AuditEntry(.egress, details: [AuditDetail("a", String(repeating: "x", count: 5000))])), as: UTF8.self)
        #expect(text.contains("\(String(repeating: "x", count: 2048))… +2952 bytes\""))
        #expect(String(decoding: line(AuditEntry(.egress, details: many)), as: UTF8.self).contains(",\"leftOut\":98"))
        #expect(
            String(
                decoding: line(AuditEntry(.egress, details: [AuditDetail("a", .list(Array(repeating: "x", count: 9000)))])), as: UTF8.self
            ).contains("… "))
    }

    @Test("given secrets are not written, wherever they are and however long the text")
    func redaction() throws {
        let scratch = try Scratch()
        let secret = "sk-live-0123456789"
        let log = try AuditLog(directory: scratch.log, redaction: .secrets([secret, "sk-live", ""]))
        try log.append(
            AuditEntry(
                .egress, session: secret,
                details: [
                    AuditDetail("a", "x" + secret + "y" + secret), AuditDetail(secret, 1), AuditDetail("c", .list(["1", secret])),
                    AuditDetail("d", String(repeating: "x", count: AuditLimits.text - 5) + secret),
                ]))
        let text = String(decoding: try scratch.read(), as: UTF8.self)
        #expect(!text.contains("sk-live") && !text.contains("0123456789") && text.contains("x[redacted]y[redacted]"))
        let upper = try AuditLog(directory: scratch.log, redaction: AuditRedaction { $0.uppercased() })
        try upper.append(AuditEntry(.egress, details: [AuditDetail("a", "hello")]))
        #expect(try scratch.records().last?.entry.details == [AuditDetail("A", "HELLO")])
    }

    @Test("the reader takes any bytes: none of them is read as something that would be written differently")
    func fuzz() throws {
        var random = SeededGenerator(5)
        var accepted = 0
        for _ in 0..<10_000 {
            var bytes = Array(line(FormatTests.hostileEntry(&random)).dropLast())
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert("\\\"{}[],:-u0tf".utf8.randomElement(using: &random) ?? 0, at: place)
                case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &random)))
                default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 20)], at: place)
                }
            }
            _ = bytes.withUnsafeBytes { TipRecord($0, .tip, key: ChainKey([UInt8](repeating: 1, count: 32))) }
            guard let record = bytes.withUnsafeBytes({ AuditRecord(line: $0) }) else { continue }
            accepted += 1
            // What is read is printed again; that must be readable as the same, and harmless.
            let again = Array(record.json.utf8)
            #expect(again.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
            #expect(again.withUnsafeBytes { AuditRecord(line: $0) }?.json.utf8.elementsEqual(again) != false)
        }
        #expect(accepted > 1500)
    }

    @Test("the verifier takes any bytes in the place of a log")
    func garbage() throws {
        var random = SeededGenerator(6)
        let scratch = try Scratch()
        try scratch.fill(30)
        let good = try scratch.read()
        for round in 0..<60 {
            var bytes = good
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch round % 3 {
            case 0: bytes = (0..<Int.random(in: 1...5000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            case 1: bytes.insert(contentsOf: [UInt8](repeating: 0x61, count: 100_000), at: place)
            default: bytes.replaceSubrange(place..., with: [UInt8](repeating: 0, count: 70_000))
            }
            try scratch.write("audit-000001.jsonl", bytes)
            let found = try scratch.verify()
            #expect(found.damage != nil)
            for unitSize: UInt64 in [500, 20_000] { #expect(try scratch.verify(unitSize: unitSize) == found) }
            _ = try scratch.records()
            _ = try scratch.records(AuditQuery(last: 3))
        }
    }
}
