import CoopErrors
import TestSupport
import Testing

@testable import Seccomp

@Suite("Seccomp profiles in Docker's format")
struct SeccompProfileTests {
    private let kernel = "6.18.44-generic"

    private func profile(_ text: String) throws(CoopError) -> SeccompProfile {
        try SeccompProfile(json: Array(text.utf8), path: "p.json")
    }

    private func probe(_ text: String, _ architecture: Architecture = .x86_64) throws -> Probe {
        try Probe(architecture, try profile(text).program(for: architecture, kernelRelease: kernel))
    }

    /// A profile whose default is to allow, with these entries.
    private func open(_ entries: String) -> String { #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [\#(entries)]}"# }

    /// A profile whose default is EPERM, with these entries beside what every command needs.
    private func closed(_ entries: String) -> String {
        #"""
        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
          {"names": ["execve", "exit_group", "read"], "action": "SCMP_ACT_ALLOW"}, \#(entries)]}
        """#
    }

    @Test("deny by default and allow by name", arguments: Architecture.allCases)
    func allowList(architecture: Architecture) throws {
        let probe = try probe(closed(#"{"name": "write", "action": "SCMP_ACT_LOG"}"#), architecture)
        #expect(probe("read") == "allow")
        #expect(probe("write") == "log")
        #expect(probe("openat") == "EPERM")
    }

    @Test("use the error numbers they name")
    func errorNumbers() throws {
        let probe = try probe(
            #"""
            {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "syscalls": [
              {"names": ["execve", "exit_group"], "action": "SCMP_ACT_ALLOW"},
              {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
              {"names": ["rmdir"], "action": "SCMP_ACT_ERRNO"},
              {"names": ["sync"], "action": "SCMP_ACT_KILL"},
              {"names": ["acct"], "action": "SCMP_ACT_KILL_PROCESS"},
              {"names": ["chroot"], "action": "SCMP_ACT_TRAP"},
              {"names": ["mount"], "action": "SCMP_ACT_TRACE"}]}
            """#)
        #expect(probe("openat") == "ENOSYS")
        #expect(probe("mkdir") == "EACCES")
        #expect(probe("rmdir") == "EPERM")
        #expect(probe("sync") == "kill-thread")
        #expect(probe("acct") == "kill-process")
        #expect(probe("chroot") == "trap")
        #expect(probe("mount") == "trace")
    }

    @Test("test arguments with every comparison")
    func comparisons() throws {
        let cases: [(op: String, value: UInt64, second: UInt64, yes: [UInt64], no: [UInt64])] = [
            ("EQ", 5, 0, [5], [4, 6, 1 << 32 | 5]), ("NE", 40, 0, [2, 1 << 32 | 40], [40]), ("LT", 1 << 33, 0, [0, 1 << 32], [1 << 33]),
            ("LE", 9, 0, [9, 0], [10, 1 << 40]), ("GT", 9, 0, [10, 1 << 40], [9]), ("GE", .max, 0, [.max], [.max - 1]),
            ("MASKED_EQ", 0x7E02_0000, 0, [17, 1 << 40], [0x1000_0000]), ("MASKED_EQ", 0xF, 3, [3, 0x13], [2, 0x12]),
        ]
        for test in cases {
            let probe = try probe(
                closed(
                    #"""
                    {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
                     "args": [{"index": 0, "value": \#(test.value), "valueTwo": \#(test.second), "op": "SCMP_CMP_\#(test.op)"}]}
                    """#))
            for value in test.yes { #expect(probe("clone", value) == "allow", "\(value) \(test)") }
            for value in test.no { #expect(probe("clone", value) == "EPERM", "\(value) \(test)") }
        }
    }

    @Test("need all tests of an entry, or any where two are about one argument")
    func severalTests() throws {
        let all = try probe(
            closed(
                #"""
                {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
                  {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}]}
                """#))
        #expect(all("socket", 2, 1) == "allow")
        #expect(all("socket", 2, 2) == "EPERM")
        let any = try probe(
            closed(
                #"""
                {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
                  {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 10, "op": "SCMP_CMP_EQ"}]}
                """#))
        #expect(any("socket", 2) == "allow")
        #expect(any("socket", 10) == "allow")
        #expect(any("socket", 16) == "EPERM")
    }

    @Test("let the strictest of several entries decide, in any order")
    func strictest() throws {
        let entries = [
            #"{"names": ["ioctl"], "action": "SCMP_ACT_ALLOW"}"#,
            #"{"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 7, "op": "SCMP_CMP_EQ"}]}"#,
            #"{"names": ["ioctl"], "action": "SCMP_ACT_KILL_PROCESS", "args": [{"index": 1, "value": 8, "op": "SCMP_CMP_GE"}]}"#,
        ]
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let probe = try probe(open(order.map { entries[$0] }.joined(separator: ",")))
            #expect(probe("ioctl", 0, 6) == "allow")
            #expect(probe("ioctl", 0, 7) == "EPERM")
            #expect(probe("ioctl", 0, 9) == "kill-process")
        }
    }

    @Test("apply entries by architecture, kernel and no capabilities")
    func conditions() throws {
        let text = open(
            #"""
            {"names": ["mkdirat"], "action": "SCMP_ACT_ERRNO", "includes": {"arches": ["amd64", "x32"]}},
            {"names": ["linkat"], "action": "SCMP_ACT_ERRNO", "excludes": {"arches": ["amd64"]}},
            {"names": ["unlinkat"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "4.8"}},
            {"names": ["openat"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "6.19"}},
            {"names": ["openat2"], "action": "SCMP_ACT_ERRNO", "excludes": {"minKernel": "6.18"}},
            {"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "includes": {"caps": ["CAP_SYS_CHROOT"]}},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": {"caps": ["CAP_SYS_ADMIN"]}}
            """#)
        let x86 = try probe(text)
        let arm = try probe(text, .aarch64)
        #expect(x86("mkdirat") == "EPERM")
        #expect(arm("mkdirat") == "allow")
        #expect(x86("linkat") == "allow")
        #expect(arm("linkat") == "EPERM")
        #expect(x86("unlinkat") == "EPERM")
        #expect(x86("openat") == "allow")
        #expect(x86("openat2") == "allow")
        #expect(x86("chroot") == "allow")
        #expect(x86("clone3") == "ENOSYS")
    }

    @Test("ignore unknown calls with a note, and those of other architectures without one")
    func unknownCalls() throws {
        let profile = try profile(open(#"{"names": ["frobnicate", "chown32", "s390_sthyi", "_llseek"], "action": "SCMP_ACT_ERRNO"}"#))
        #expect(profile.notes == ["unknown system calls are ignored: frobnicate"])
    }

    @Test(
        "say what is wrong and where",
        arguments: [
            ("", "p.json:1:1: the file is empty"),
            (" \n\t", "p.json:1:1: the file is empty"),
            ("{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\",\n}", "p.json:3:1: a key in quotes is expected"),
            ("{\"defaultAction\": \"SCMP_ACT_ALOW\"}", "p.json:1:19: unknown action 'SCMP_ACT_ALOW'; did you mean 'SCMP_ACT_ALLOW'?"),
            ("{}", "p.json:1:1: 'defaultAction' is missing"),
            ("[]", "p.json:1:1: the profile must be an object"),
            ("{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}", "p.json:1:19: coop has no agent for SCMP_ACT_NOTIFY"),
            ("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"sycalls\": []}", "p.json:1:37: unknown key 'sycalls'; did you mean 'syscalls'?"),
            (
                "{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n\"syscalls\": [{\"names\": [\"read\"]}]}",
                "p.json:2:14: 'action' is missing in this entry"
            ),
            ("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 5000}", "p.json:1:56: an error number is at most 4095"),
            (
                "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": -1}",
                "p.json:1:56: a whole number from 0 to 2^64-1 is expected here"
            ),
            ("{\"a\": 1, \"a\": 2}", "p.json:1:10: the key is already set in this object"),
            ("{\"defaultAction\": \"SCMP_ACT_ALLOW\"} x", "p.json:1:37: text after the end of the document"),
        ])
    func errors(text: String, why: String) {
        let error = #expect(throws: CoopError.self) { try profile(text) }
        #expect(error?.code == .configuration)
        #expect(error?.why == why)
    }

    @Test("say which argument test is wrong")
    func testErrors() {
        for (test, why) in [
            (#"{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}"#, "a system call has arguments 0 to 5"),
            (#"{"index": 0, "value": 1, "op": "SCMP_CMP_EG"}"#, "unknown comparison 'SCMP_CMP_EG'; did you mean 'SCMP_CMP_"),
            (#"{"index": 0, "value": 1.5, "op": "SCMP_CMP_EQ"}"#, "a whole number from 0 to 2^64-1 is expected here"),
            (#"{"index": 0, "value": 18446744073709551616, "op": "SCMP_CMP_EQ"}"#, "a whole number from 0 to 2^64-1"),
            (#"{"value": 1, "op": "SCMP_CMP_EQ"}"#, "'index' is missing"), (#"{"index": 1, "value": 1}"#, "'op' is missing"),
        ] {
            let error = #expect(throws: CoopError.self) {
                try profile(open(#"{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [\#(test)]}"#))
            }
            #expect(error?.why.contains(why) == true, "\(error?.why ?? "")")
        }
    }

    @Test("are refused when no command could start under them, or the kernel would refuse them")
    func unusable() throws {
        let closed = try profile(#"{"defaultAction": "SCMP_ACT_ERRNO"}"#)
        let error = #expect(throws: CoopError.self) { try closed.program(kernelRelease: kernel) }
        #expect(error?.why.contains("forbids execve") == true)
        let entry = { (value: Int) in
            #"{"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": \#(value), "op": "SCMP_CMP_EQ"}]}"#
        }
        let huge = try profile(open((0..<3000).map(entry).joined(separator: ",")))
        let tooLarge = #expect(throws: CoopError.self) { try huge.program(kernelRelease: kernel) }
        #expect(tooLarge?.why.contains("the kernel takes 4096") == true)
    }

    @Test("never crash the reader, whatever is in the file")
    func fuzz() throws {
        let sample = Array(
            closed(
                #"""
                {"names": ["clone", "\u0063lone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "comment": "\ud83d\ude00 é",
                 "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
                 "includes": {"caps": ["CAP_SYS_ADMIN"], "minKernel": "4.8"}, "excludes": {"arches": ["s390"], "caps": null}}
                """#
            ).utf8)
        var generator = SeededGenerator(99)
        let alphabet = Array(#"{}[]",:\0123456789eE+-.utrfnl \#n"#.utf8) + [0, 0x80, 0xC3, 0xED, 0xFF]
        var accepted = 0
        for _ in 0..<4000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: bytes[at] = alphabet.randomElement(using: &generator) ?? 0
                case 1: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: at)
                case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &generator)))
                case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 30)], at: Int.random(in: 0...at, using: &generator))
                default: bytes = Array(bytes[..<at])
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            do {
                let program = try SeccompProfile(json: bytes, path: "p.json").program(kernelRelease: kernel)
                _ = try BPFInterpreter(program)
                accepted += 1
            } catch let error as CoopError {
                #expect(error.code == .configuration)
                #expect(error.why.hasPrefix("p.json"))
            }
        }
        #expect(accepted > 0)
        for byte in [UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: "\"")] {
            #expect(throws: CoopError.self) { try SeccompProfile(json: Array(repeating: byte, count: 100_000), path: "p.json") }
        }
    }

    @Test("round-trip strings with every escape")
    func strings() throws {
        let value = try JSONParser.parse(Array(#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#.utf8))
        guard case .string(let text) = value.content else {
            Issue.record("not a string")
            return
        }
        #expect(text == "\"\\/\u{8}\u{C}\n\r\té😀é")
        for bad in [#""\ud83d""#, #""\ude00""#, #""\x""#, "\"\u{1}\"", #""\u12g4""#, "01", "-", "1.", "1e", "nul", "tru"] {
            #expect(throws: JSONSyntaxError.self, "\(bad)") { try JSONParser.parse(Array(bad.utf8)) }
        }
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse([0x22, 0xFF, 0x22]) }
    }
}
