import CoopErrors
import Glibc
import LinuxKernel
import Testing

@testable import Sandbox

@Suite struct EnvironmentFileTests {
    private func value(_ line: String) throws -> String? { try EnvironmentFile.parse(line, shown: "f").first?.value }

    @Test(
        "values plain and quoted",
        arguments: [
            ("A=1", "1"), ("A=", ""), ("A= x ", " x"), ("A=a b", "a b"), ("A=a # comment", "a"), ("A=a#b", "a#b"),
            ("A='$X # \\n'", "$X # \\n"),
            (#"A="a\nb\t\"\\\$""#, "a\nb\t\"\\$"), (#"A="x" # c"#, "x"), ("export A=1", "1"), ("export\tA=1", "1"), ("  A=1", "1"),
            ("A=b=c", "b=c"),
            ("A=ünï", "ünï"), ("A=$HOME", "$HOME"), ("A=`id`", "`id`"),
        ])
    func values(_ line: String, _ expected: String) throws { #expect(try value(line) == expected) }

    @Test(
        "a mistake is named with file, line and column",
        arguments: [
            ("A=1\nB", "f:2:1: there is no `=`"), ("\n\n  9A=1", "f:3:3: `9A` is not the name of a variable"),
            ("export A-B=1", "f:1:8: `A-B` is not the name of a variable"),
            ("A='x", "f:1:3: the quotes do not close, or text follows them"),
            ("A=\"x\" y", "f:1:3: the quotes do not close, or text follows them"),
            ("A=\"x\\", "f:1:3: the quotes do not close, or text follows them"),
            ("=x", "f:1:1: `` is not the name of a variable"), ("A=a\u{0}b", "f:1:3: the value holds a NUL byte"),
            ("A=1\nB=2\n export A=3", "f:3:9: `A` is set in line 1 already"),
            ("\u{1B}[2J=x", "f:1:1: `\\x1b[2J` is not the name of a variable"),
        ])
    func mistakes(_ text: String, _ reason: String) {
        let error = #expect(throws: CoopError.self) { try EnvironmentFile.parse(text, shown: "f") }
        #expect(error?.code == .configuration && error?.why == reason && error?.next != nil, "\(String(describing: error))")
    }

    @Test("comments, blank lines and CR LF are understood, and lines are counted")
    func lines() throws {
        let entries = try EnvironmentFile.parse("# c\r\n\r\nA=1\r\n  # d\nB='2'\n", shown: "f")
        #expect(entries == [.init(name: "A", value: "1", line: 3), .init(name: "B", value: "2", line: 5)])
    }

    @Test("a file that is no text, too large or missing is an error that names it")
    func files() throws {
        var template = Array("/tmp/coop-env-XXXXXX".utf8CString)
        let number = mkstemp(&template)
        #expect(number >= 0)
        let file = Descriptor(owning: number)
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { unlink(path) }
        try file.writeAll([0x41, 0x3D, 0xFF, 0x0A])
        #expect(throws: CoopError.self) { try EnvironmentFile.read(path, shown: "x") }
        try check("ftruncate") { ftruncate(file.number, 2 << 20) }
        #expect(throws: CoopError.self) { try EnvironmentFile.read(path, shown: "x") }
        let missing = #expect(throws: CoopError.self) { try EnvironmentFile.read(path + ".gone", shown: "x.env") }
        #expect(missing?.what.contains("x.env") == true)
    }

    @Test("random bytes never crash it, and what it accepts has proper names")
    func fuzz() {
        let letters = Array("AB=_'\"\\# \t\n$9é\u{0}")
        for _ in 0..<5000 {
            let text = String((0..<Int.random(in: 0...24)).map { _ in letters.randomElement() ?? "A" })
            guard let entries = try? EnvironmentFile.parse(text, shown: "f") else { continue }
            #expect(entries.allSatisfy { EnvironmentFile.isName($0.name) && !$0.value.utf8.contains(0) })
        }
    }
}
