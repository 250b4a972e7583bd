import Glibc
import Testing

@testable import Substitution

@Suite struct SecretBytesTests {
    /// How often a text stands in this process's writable memory. The text is put together from two halves, so that the search itself
    /// does not count.
    static func occurrences(_ first: [UInt8], _ second: [UInt8]) throws -> Int {
        let descriptor = open("/proc/self/mem", O_RDONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var count = 0
        let size = 1 << 20
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        defer { buffer.deallocate() }
        let own = UInt(bitPattern: buffer)..<UInt(bitPattern: buffer) + UInt(size)
        for line in try text("/proc/self/maps").split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count > 1, parts[1].hasPrefix("rw") else { continue }
            let bounds = parts[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard bounds.count == 2 else { continue }
            var address = bounds[0]
            while address < bounds[1] {
                if own.contains(address) {
                    address = own.upperBound
                    continue
                }
                let end = address < own.lowerBound ? min(bounds[1], own.lowerBound) : bounds[1]
                let wanted = min(size, Int(end - address))
                let got = pread(descriptor, buffer, wanted, Int(address))
                if got <= 0 { break }
                var place = 0
                while got - place >= 24, let found = memchr(buffer + place, Int32(first[0]), got - place - 23) {
                    if memcmp(found, first, 12) == 0, memcmp(found + 12, second, 12) == 0 { count += 1 }
                    place = found - buffer + 1
                }
                address += UInt(got)
            }
        }
        return count
    }

    static func text(_ path: String) throws -> String {
        let descriptor = open(path, O_RDONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var result: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while case let count = read(descriptor, &piece, piece.count), count > 0 { result += piece[..<count] }
        return String(decoding: result, as: UTF8.self)
    }

    /// Random halves, so that no constant of the program holds them.
    static func halves() -> ([UInt8], [UInt8]) {
        ((0..<12).map { _ in UInt8.random(in: 1...255) }, (0..<12).map { _ in UInt8.random(in: 1...255) })
    }

    @Test func memoryNoLongerHoldsASecretWhoseOwnerIsGone() throws {
        let (first, second) = Self.halves()
        do {
            let secret = SecretBytes(count: 24) {
                $0.copyBytes(from: first)
                UnsafeMutableRawBufferPointer(rebasing: $0[12...]).copyBytes(from: second)
            }
            let count = try Self.occurrences(first, second)
            withExtendedLifetime(secret) { #expect(count == 1) }
        }
        #expect(try Self.occurrences(first, second) == 0)
    }

    @Test func aTableAndAReplacerLeaveNothingBehind() throws {
        let (first, second) = Self.halves()
        do {
            let secret = SecretBytes(count: 24) {
                $0.copyBytes(from: first)
                UnsafeMutableRawBufferPointer(rebasing: $0[12...]).copyBytes(from: second)
            }
            let injection = Injection(
                grant: "g", credential: .token(stub: Array("stub-stub-stub".utf8), secret: secret), places: [InjectionPlace(.body)])
            let replacer = StreamReplacer(PatternTable.scrubbing([injection]))
            _ = PatternTable.substituting([injection], in: .raw)
            first.withUnsafeBytes { replacer.process($0) { _ in } }
            second.prefix(11).withUnsafeBytes { replacer.process($0) { _ in } }
            #expect(replacer.heldCount == 23)
        }
        #expect(try Self.occurrences(first, second) == 0)
    }

    @Test func copiesAndWiping() {
        var bytes: [UInt8] = [1, 2, 3]
        let secret = SecretBytes(wiping: &bytes)
        #expect(bytes.isEmpty)
        #expect(secret == SecretBytes(copying: [1, 2, 3]))
        #expect(secret != SecretBytes(copying: [1, 2, 4]))
        #expect(secret != SecretBytes(copying: [1, 2]))
        #expect("\(secret)".contains("SecretBytes"))
        #expect(SecretBytes(copying: []).count == 0)
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("[1, 2, 3]"))
    }

    @Test func pagesAreLeftOutOfCoreDumpsAndForks() throws {
        let secret = SecretBytes(copying: Array("a secret".utf8))
        let address = secret.withBytes { UInt(bitPattern: $0.baseAddress) }
        var flags: Substring = ""
        var isHere = false
        for line in try Self.text("/proc/self/smaps").split(separator: "\n") {
            if let range = line.split(separator: " ").first?.split(separator: "-"), range.count == 2, let low = UInt(range[0], radix: 16),
                let high = UInt(range[1], radix: 16)
            {
                isHere = low <= address && address < high
            } else if isHere, line.hasPrefix("VmFlags:") {
                flags = line.dropFirst(8)
            }
        }
        // proc_pid_smaps(5): dd, do not dump; wf, wipe on fork.
        #expect(flags.split(separator: " ").contains("dd"))
        #expect(flags.split(separator: " ").contains("wf"))
        withExtendedLifetime(secret) {}
    }
}
