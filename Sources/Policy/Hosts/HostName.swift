/// The name of a host, checked and in one spelling: lower-case ASCII labels, no trailing dot (RFC 1123, section 2.1).
///
/// Two names that a resolver takes for the same are equal here, and nothing that a client could read as an address is a
/// name, so that a rule cannot be walked around by spelling.
public struct HostName: Sendable, Hashable {
    /// The most bytes that a name without its trailing dot may have (RFC 1035, section 3.1).
    public static let lengthLimit = 253
    /// The most bytes of one label (RFC 1035, section 2.3.4).
    public static let labelLimit = 63

    /// The name: `api.example.com`.
    public let text: String

    init(normalised text: String) { self.text = text }

    /// Reads a name that the sandbox, or whoever else, has written: from DNS, SNI, `Host`, CONNECT or SOCKS.
    ///
    /// International names are accepted as A-labels (`xn--…`) only. One trailing dot is removed.
    public init(untrusted bytes: some Collection<UInt8>) throws(HostNameProblem) {
        var problem: HostNameProblem?
        var text = ""
        let whole = [UInt8](bytes.prefix(HostName.lengthLimit + 2))
        whole.withUnsafeBytes { input in
            withUnsafeTemporaryAllocation(byteCount: HostName.lengthLimit, alignment: 8) { output in
                do throws(HostNameProblem) {
                    let count = try HostName.normalise(input, into: output)
                    text = String(decoding: output[..<count], as: UTF8.self)
                } catch {
                    problem = error
                }
            }
        }
        if let problem { throw problem }
        self.text = text
    }

    /// The name above the first label: `example.com` of `api.example.com`; nil for a single label.
    public var parent: HostName? {
        guard let dot = text.utf8.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        return HostName(normalised: String(text[text.utf8.index(after: dot)...]))
    }

    /// Whether the name is `suffix` with at least one label in front.
    public func isBelow(_ suffix: HostName) -> Bool {
        let own = text.utf8
        let wanted = suffix.text.utf8
        guard own.count > wanted.count + 1 else { return false }
        let start = own.index(own.endIndex, offsetBy: -wanted.count)
        return own[start...].elementsEqual(wanted) && own[own.index(before: start)] == UInt8(ascii: ".")
    }

    /// Whether the name has no place in the public DNS: a single label, or below a domain set aside for local use
    /// (RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476, and ICANN's `internal`).
    public var isLocal: Bool {
        var text = text
        return text.withUTF8 { HostName.isLocal(UnsafeRawBufferPointer($0)) }
    }

    /// The same for the bytes of a normalised name. Allocates nothing.
    static func isLocal(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return true }
        let last = UnsafeRawBufferPointer(rebasing: name[(dot + 1)...])
        for domain in localDomains where isEqual(last, domain) { return true }
        return isEqual(name.suffix(9), "home.arpa") && (name.count == 9 || name[name.count - 10] == UInt8(ascii: "."))
    }

    private static func isEqual(_ bytes: some Collection<UInt8>, _ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes.elementsEqual($0) }
    }

    private static let localDomains: [StaticString] = [
        "alt", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "onion", "private", "test",
    ]
}

extension HostName: CustomStringConvertible {
    public var description: String { text }
}

extension HostName: Comparable {
    public static func < (left: HostName, right: HostName) -> Bool { left.text < right.text }
}

extension HostName: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(untrusted: text.utf8)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not the name of a host: \(error)")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension HostName {
    /// Checks `input` and writes its one spelling to `output`, which holds at least `lengthLimit` bytes.
    ///
    /// - Returns: how many bytes were written. Allocates nothing.
    static func normalise(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws(HostNameProblem) -> Int {
        var count = input.count
        if count > 0, input[count - 1] == UInt8(ascii: ".") { count -= 1 }
        guard count > 0 else { throw .empty }
        guard count <= lengthLimit else { throw .tooLong }
        guard output.count >= count else { preconditionFailure("the output of a host name holds \(lengthLimit) bytes") }
        if normaliseUsual(input, count, into: output) { return count }
        return try normaliseCarefully(input, count, into: output)
    }

    /// The same for any name, byte by byte. Its length is checked, and it has no trailing dot.
    @inline(never)
    static func normaliseCarefully(
        _ input: UnsafeRawBufferPointer, _ count: Int, into output: UnsafeMutableRawBufferPointer
    ) throws(HostNameProblem) -> Int {
        var start = 0
        var underscore = false
        for index in 0...count {
            let byte = index < count ? input[index] : UInt8(ascii: ".")
            if byte == UInt8(ascii: ".") {
                try checkLabel(UnsafeRawBufferPointer(output), start..<index)
                if index == count {
                    if underscore { throw .forbidden(UInt8(ascii: "_")) }
                    try checkLast(UnsafeRawBufferPointer(output), start..<index)
                } else {
                    output[index] = byte
                }
                start = index + 1
                underscore = false
                continue
            }
            let lower = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
            switch lower {
            case 0x61...0x7A, 0x30...0x39, UInt8(ascii: "-"): break
            case UInt8(ascii: "_"): underscore = true
            case UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"): throw .address
            default: throw byte >= 0x80 ? .notASCII : .forbidden(byte)
            }
            output[index] = lower
        }
        return count
    }

    private static func checkLabel(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) throws(HostNameProblem) {
        guard !range.isEmpty else { throw .emptyLabel }
        guard range.count <= labelLimit else { throw .labelTooLong }
        guard bytes[range.lowerBound] != UInt8(ascii: "-"), bytes[range.upperBound - 1] != UInt8(ascii: "-") else { throw .hyphen }
        let isEncoded =
            range.count >= 4 && bytes[range.lowerBound] == UInt8(ascii: "x") && bytes[range.lowerBound + 1] == UInt8(ascii: "n")
            && bytes[range.lowerBound + 2] == UInt8(ascii: "-") && bytes[range.lowerBound + 3] == UInt8(ascii: "-")
        if isEncoded, !Punycode.isValid(bytes, range.lowerBound + 4..<range.upperBound) { throw .invalidInternational }
    }

    /// What ends in a number is an IPv4 address to many clients (WHATWG URL, "ends in a number checker"; inet_aton(3)).
    private static func checkLast(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) throws(HostNameProblem) {
        let label = bytes[range]
        if label.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) { throw .address }
        if label.count >= 2, bytes[range.lowerBound] == UInt8(ascii: "0"), bytes[range.lowerBound + 1] == UInt8(ascii: "x") {
            throw .address
        }
    }
}
