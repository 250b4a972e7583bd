import Substitution

/// How a stub looks: as much like the real thing as programs check for, with a mark that a reader of a log recognises.
public struct StubShape: Sendable, Equatable {
    public enum Alphabet: String, Sendable, CaseIterable {
        case alphanumeric, hexadecimal, uppercase, base64url

        var digits: [UInt8] {
            switch self {
            case .alphanumeric: Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
            case .hexadecimal: Array("0123456789abcdef".utf8)
            case .uppercase: Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
            case .base64url: Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
            }
        }

        /// What stands in every stub of this alphabet.
        var mark: String {
            switch self {
            case .alphanumeric, .base64url: "CoopStub"
            case .uppercase: "COOPSTUB"
            case .hexadecimal: "c0095efb"
            }
        }
    }

    public var prefix: String
    /// The whole length in bytes; more where prefix, mark and 16 random digits need more.
    public var length: Int
    public var alphabet: Alphabet

    /// Random digits that a stub has at least: nobody must be able to guess another sandbox's.
    static let randomDigits = 16

    public init(prefix: String = "", length: Int = 40, alphabet: Alphabet = .alphanumeric) {
        self.prefix = prefix
        self.length = length
        self.alphabet = alphabet
    }
}

/// Makes the stubs of one sandbox. The same seed and label give the same stub.
public struct StubMaker: Sendable {
    private let seed: SecretBytes

    /// - Parameter seed: 32 random bytes of the sandbox.
    public init(seed: SecretBytes) { self.seed = seed }

    /// A maker with a fresh random seed.
    public init() {
        var generator = SystemRandomNumberGenerator()
        seed = SecretBytes(count: 32) { target in
            for index in target.indices { target[index] = UInt8.random(in: 0...255, using: &generator) }
        }
    }

    /// - Parameter label: what it is for: the grant's name, and which part of it.
    public func stub(_ label: String, _ shape: StubShape) -> String {
        let head = shape.prefix + shape.alphabet.mark
        let count = max(StubShape.randomDigits, shape.length - head.utf8.count)
        return head + digits(label, count, shape.alphabet)
    }

    /// Random digits that depend on the label.
    func digits(_ label: String, _ count: Int, _ alphabet: StubShape.Alphabet) -> String {
        let digits = alphabet.digits
        var result: [UInt8] = []
        var block = 0
        while result.count < count {
            let bytes = VaultHash.code(key: seed, Array("\(label)\u{0}\(block)".utf8))
            // Bytes beyond the last multiple are left out, so that every digit is equally likely.
            let limit = 256 / digits.count * digits.count
            result += bytes.filter { Int($0) < limit }.map { digits[Int($0) % digits.count] }
            block += 1
        }
        return String(decoding: result.prefix(count), as: UTF8.self)
    }
}
