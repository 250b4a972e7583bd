import TestSupport
import Testing

@testable import Substitution

@Suite struct AWSChunkReaderTests {
    private static func read(_ pieces: [[UInt8]]) throws -> [UInt8] {
        var reader = AWSChunkReader()
        var result: [UInt8] = []
        for piece in pieces { try piece.withUnsafeBytes { try reader.process($0) { result.append(contentsOf: $0) } } }
        try reader.finish()
        return result
    }

    @Test(arguments: [false, true]) func whatIsInTheChunksComesOutInPiecesOfAnySize(trailer: Bool) throws {
        var generator = SeededGenerator(21)
        let body = AWSChunkSignerTests.example(trailer: trailer).body
        for longest in [1, 7, 3000, 100_000] {
            #expect(try Self.read(generator.pieces(body, longest: longest)) == [UInt8](repeating: UInt8(ascii: "a"), count: 66560))
        }
    }

    @Test(
        arguments: [
            "", "3\r\nabc", "3\r\nabc\r\n", "3\r\nabcd\r\n0\r\n\r\n", "x\r\n", "-1\r\n", "+1\r\na\r\n0\r\n\r\n", "\r\n",
            "3\nabc\r\n0\r\n\r\n",
            "123456789\r\n", "3 \r\nabc\r\n0\r\n\r\n", ";a=b\r\n", String(repeating: "0", count: 9000),
            "0\r\n" + String(repeating: "t", count: 9000),
        ])
    func whatIsNoSuchFramingIsRefused(text: String) {
        #expect(throws: InjectionError.self) { try Self.read([Array(text.utf8)]) }
        #expect(throws: InjectionError.self) { try Self.read(text.utf8.map { [$0] }) }
    }

    @Test func randomBytesAreReadOrRefused() throws {
        var generator = SeededGenerator(22)
        var read = 0
        var refused = 0
        let valid = Array("5;chunk-signature=ab\r\nhello\r\nA\r\n0123456789\r\n0\r\nx-a:b\r\n\r\n".utf8)
        for _ in 0..<3000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let whole = try? Self.read([bytes])
            #expect(whole == (try? Self.read(generator.pieces(bytes, longest: 5))), "\(bytes)")
            if whole == nil { refused += 1 } else { read += 1 }
        }
        #expect(read > 100 && refused > 100, "\(read) \(refused)")
    }
}
