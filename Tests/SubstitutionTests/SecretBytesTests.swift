import Glibc
import TestSupport
import Testing

@testable import Substitution

@Suite struct SecretBytesTests {
    @Test func memoryNoLongerHoldsASecretWhoseOwnerIsGone() throws {
        let (first, second) = OwnMemory.halves()
        do {
            let secret = SecretBytes(count: 24) {
                $0.copyBytes(from: first)
                UnsafeMutableRawBufferPointer(rebasing: $0[12...]).copyBytes(from: second)
            }
            let isThere = try OwnMemory.holds(first, second, times: 1)
            withExtendedLifetime(secret) { #expect(isThere) }
        }
        #expect(try OwnMemory.holds(first, second, times: 0))
    }

    @Test func aTableAndAReplacerLeaveNothingBehind() throws {
        // Letters, as in most tokens: many of their forms are the same then, and left out.
        let (first, second) = OwnMemory.halves(of: UInt8(ascii: "a")...UInt8(ascii: "z"))
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
        #expect(try OwnMemory.holds(first, second, times: 0))
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
        for line in try OwnMemory.text("/proc/self/smaps").split(separator: "\n") {
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
