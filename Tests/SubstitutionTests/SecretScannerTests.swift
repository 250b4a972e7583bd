import TestSupport
import Testing

@testable import Substitution

@Suite struct SecretScannerTests {
    static let key = (0..<32).map { UInt8($0) }
    static let secrets = ["sk-ant-api03-q7H2mfW0ZxLr8VtY", "p/w+ with \"quotes\" & more", "ghp_0123456789abcdefABCDEF"]
    static let index = SecretScanner.Index(
        SecretFingerprints(secrets.map { SecretBytes(copying: $0.utf8) }, key: key))

    static func scan(_ pieces: [[UInt8]]) -> Int? {
        let scanner = SecretScanner(index)
        for piece in pieces {
            if let found = piece.withUnsafeBytes({ scanner.scan($0) }) { return found }
        }
        return nil
    }

    @Test(arguments: secrets.indices) func everyFormIsFoundWhereverTheStreamIsCut(number: Int) {
        let secret = Array(Self.secrets[number].utf8)
        var forms: [[UInt8]] = [
            secret, TextEncoding.json.encode(secret), TextEncoding.percent.encode(secret), TextEncoding.form.encode(secret),
            TextEncoding.hex(secret), TextEncoding.hex(secret, upper: true),
            TextEncoding.percentEncoded(secret, upper: false),
        ]
        for before in 0..<3 {
            for alphabet in Base64.Alphabet.allCases {
                forms.append(Base64.encode(Array("xyz".utf8.prefix(before)) + secret + Array("tail".utf8), alphabet))
            }
        }
        for form in forms {
            let stream = Array("{\"a\":\"".utf8) + form + Array("\"}".utf8)
            for cut in 0...stream.count {
                #expect(Self.scan([Array(stream[..<cut]), Array(stream[cut...])]) == number)
            }
            #expect(Self.scan(stream.map { [$0] }) == number)
        }
    }

    @Test func aSecretWithOneByteChangedIsNotFound() {
        for (number, secret) in Self.secrets.enumerated() {
            let bytes = Array(secret.utf8)
            #expect(Self.scan([bytes]) == number)
            for place in bytes.indices {
                var changed = bytes
                changed[place] ^= 1
                #expect(Self.scan([changed]) == nil)
            }
        }
    }

    @Test func noiseHoldsNoSecret() {
        var generator = SeededGenerator(4)
        for _ in 0..<50 {
            let noise = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(Self.scan(generator.pieces(noise, longest: 900)) == nil)
        }
        #expect(Self.scan([[UInt8](repeating: 0, count: 100_000)]) == nil)
    }

    @Test func randomPiecesFindASecretInTheMiddle() {
        var generator = SeededGenerator(5)
        for round in 0..<500 {
            let number = round % Self.secrets.count
            let stream = generator.text(Int.random(in: 0...300, using: &generator), of: "sk-antghp_") + Array(Self.secrets[number].utf8)
            #expect(Self.scan(generator.pieces(stream, longest: 40)) == number)
        }
    }

    @Test func shortSecretsAreLeftOutAndLongOnesAreFoundByTheirEnd() {
        var generator = SeededGenerator(6)
        let long = generator.text(10_000, of: "abcdefghijklmnop")
        let index = SecretScanner.Index(
            SecretFingerprints([SecretBytes(copying: "short".utf8), SecretBytes(copying: long)], key: Self.key))
        #expect(SecretScanner.find(in: Array("this is short".utf8), index) == nil)
        let scanner = SecretScanner(index)
        var found: Int?
        for piece in generator.pieces(long, longest: 777) { found = found ?? piece.withUnsafeBytes { scanner.scan($0) } }
        #expect(found == 1)
    }

    @Test func theWireFormComesBackAndDamageIsRefused() {
        let fingerprints = SecretFingerprints(Self.secrets.map { SecretBytes(copying: $0.utf8) }, key: Self.key)
        let wire = fingerprints.encoded()
        #expect(SecretFingerprints(decoding: wire) == fingerprints)
        for length in 0..<wire.count { #expect(SecretFingerprints(decoding: Array(wire.prefix(length))) == nil) }
        #expect(SecretFingerprints(decoding: wire + [0]) == nil)
        var generator = SeededGenerator(7)
        for _ in 0..<2000 {
            var damaged = wire
            damaged[Int.random(in: 0..<damaged.count, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
            // Nothing to expect but that it ends: whatever is accepted can be searched with.
            if let read = SecretFingerprints(decoding: damaged) {
                _ = SecretScanner.find(in: Array("some bytes to look through".utf8), SecretScanner.Index(read))
            }
        }
    }

    @Test func theWireFormHoldsNoSecret() {
        let wire = SecretFingerprints(Self.secrets.map { SecretBytes(copying: $0.utf8) }, key: Self.key).encoded()
        for secret in Self.secrets {
            let part = Array(secret.utf8.suffix(6))
            #expect(!wire.indices.contains { wire[$0...].starts(with: part) })
        }
    }
}
