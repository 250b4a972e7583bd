import Testing
import TestSupport

@testable import Substitution

/// What gzip(1)'s and zlib's own data decode to, compressed by another program.
@Suite struct InflaterTests {
    /// Compressed by python's zlib: each level, each container, fixed and stored blocks, several members.
    private static let samples: [(name: String, coding: ContentCoding, packed: [UInt8], plain: [UInt8])] = {
        let script = """
            import gzip, random, zlib
            random.seed(7)
            words = [bytes(random.randrange(97, 123) for _ in range(random.randrange(2, 9))) for _ in range(300)]
            text = b" ".join(random.choice(words) for _ in range(12000))
            plains = {"empty": b"", "byte": b"a", "run": b"a" * 100000, "text": text, "noise": random.randbytes(70000),
                      "mixed": text[:20000] + random.randbytes(40000) + bytes(40000) + text[:20000]}
            def deflate(data, wbits, level, strategy=0):
                packer = zlib.compressobj(level, zlib.DEFLATED, wbits, 9, strategy)
                half = len(data) // 2
                return packer.compress(data[:half]) + packer.flush(zlib.Z_SYNC_FLUSH) + packer.compress(data[half:]) + packer.flush()
            def show(name, coding, packed, plain):
                print(name, coding, packed.hex() or "-", plain.hex() or "-")
            for name, plain in plains.items():
                for level in (0, 1, 6, 9):
                    show(f"{name}-{level}", "deflate", deflate(plain, 15, level), plain)
                show(f"{name}-raw", "deflate", deflate(plain, -15, 9), plain)
                show(f"{name}-fixed", "deflate", deflate(plain, -15, 9, zlib.Z_FIXED), plain)
                show(f"{name}-huffman", "gzip", deflate(plain, 31, 9, zlib.Z_HUFFMAN_ONLY), plain)
                show(f"{name}-gzip", "gzip", gzip.compress(plain), plain)
            show("members", "gzip", gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two"), b"one two")
            head = b"\\x1f\\x8b\\x08\\x1e" + bytes(6) + b"\\x03\\0abc" + b"name\\0" + b"comment\\0" + b"xx"
            show("header", "gzip", head + gzip.compress(b"body")[10:], b"body")
            """
        guard let outcome = try? ChildProcess.run(["python3", "-c", script]), outcome.exitCode == 0 else { return [] }
        return outcome.output.split(separator: "\n").map { line in
            let parts = line.split(separator: " ")
            return (String(parts[0]), ContentCoding([String(parts[1])]), bytes(parts[2]), bytes(parts[3]))
        }
    }()

    private static func bytes(_ hex: Substring) -> [UInt8] {
        let digits = hex == "-" ? [] : hex.utf8.compactMap(TextEncoding.hexValue)
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static func decode(_ packed: [UInt8], _ coding: ContentCoding, cutting size: Int = .max) throws -> [UInt8] {
        let inflater = Inflater(coding)
        var result: [UInt8] = []
        var place = 0
        while place < packed.count {
            let end = min(packed.count, size == .max ? packed.count : place + size)
            try packed[place..<end].withUnsafeBytes { try inflater.process($0) { result.append(contentsOf: $0) } }
            place = end
        }
        try inflater.finish()
        return result
    }

    @Test("what zlib packs comes out as it was, however it is cut")
    func decodes() throws {
        #expect(Self.samples.count == 50)
        for sample in Self.samples {
            for size in [.max, 1, 3, 1000] where size == .max || sample.packed.count / size < 10_000 {
                let found = try? Self.decode(sample.packed, sample.coding, cutting: size)
                #expect(found == sample.plain, "\(sample.name) in pieces of \(size)")
            }
        }
    }

    @Test("what is incomplete or goes on is refused, and no bytes crash")
    func broken() {
        var random = SeededGenerator(11)
        for sample in Self.samples where (1..<3000).contains(sample.packed.count) {
            #expect(throws: InflateError.self) { try Self.decode(Array(sample.packed.dropLast()), sample.coding) }
            #expect(throws: InflateError.self) { try Self.decode(sample.packed + [0], sample.coding) }
            for _ in 0..<200 {
                var packed = sample.packed
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    packed[Int.random(in: 0..<packed.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                _ = try? Self.decode(packed, sample.coding)
            }
        }
        for _ in 0..<20_000 {
            let noise = (0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = try? Self.decode(noise, .deflate)
        }
    }

    @Test("data that grows a thousandfold is refused after a few megabytes")
    func bomb() throws {
        let outcome = try ChildProcess.run([
            "python3", "-c", "import zlib; print(zlib.compress(bytes(100 << 20), 9).hex())",
        ])
        let packed = Self.bytes(outcome.output.split(separator: "\n").first ?? "-")
        let inflater = Inflater(.deflate)
        var produced = 0
        #expect(throws: InflateError.self) { try packed.withUnsafeBytes { try inflater.process($0) { produced += $0.count } } }
        #expect(packed.count < 200_000 && produced < 60 << 20)
    }

    @Test(
        "the codings that are read, and those that are not",
        arguments: [
            (["identity"], ContentCoding.identity), ([], .identity), (["GZIP"], .gzip), (["x-gzip"], .gzip),
            (["identity, deflate"], .deflate),
            (["aws-chunked"], .identity), (["gzip", "aws-chunked"], .other), (["gzip, gzip"], .other), (["br"], .other), (["zstd"], .other),
        ])
    func codings(values: [String], coding: ContentCoding) { #expect(ContentCoding(values) == coding) }

    @Test(
        "a request's coding and the frames around it",
        arguments: [
            (["gzip,aws-chunked"], ContentCoding.gzip, true), (["aws-chunked, gzip"], .gzip, true), (["aws-chunked"], .identity, true),
            (["gzip", "aws-chunked", "gzip"], .other, true), (["deflate"], .deflate, false), (["br, aws-chunked"], .other, true),
        ])
    func framed(values: [String], coding: ContentCoding, isFramed: Bool) {
        #expect(ContentCoding.request(values) == (coding, isFramed))
    }
}
