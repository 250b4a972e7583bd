import Glibc
import LinuxKernel
import Review
import TestSupport
import Testing

@Suite struct UnifiedDiffTests {
    private func text(_ changes: [Change], context: Int = 3) -> String {
        String(decoding: UnifiedDiff.text(Renames.paired(changes).flatMap { FileDiff.diffs(of: $0) }, context: context), as: UTF8.self)
    }

    @Test func `a changed file`() {
        let change = Change(
            path: "a b.swift", before: .file("func f() {\n  1\n  2\n  3\n  4\n  5\n}\n"),
            after: .file("func f() {\n  1\n  2\n  3\n  4\n  six\n}", mode: 0o755))
        #expect(
            text([change], context: 1) == """
                diff --git a/a b.swift b/a b.swift
                old mode 100644
                new mode 100755
                --- a/a b.swift\t
                +++ b/a b.swift\t
                @@ -5,3 +5,3 @@ func f() {
                   4
                -  5
                -}
                +  six
                +}
                \\ No newline at end of file

                """)
    }

    @Test func `new, removed, empty, moved, binary`() {
        let changes = [
            Change(path: "empty", before: nil, after: .file("")), Change(path: "gone", before: .file("x\n"), after: nil),
            Change(path: "old", before: .file("1\n2\n3\n4\n"), after: nil),
            Change(path: "moved", before: nil, after: .file("1\n2\n3\nfour\n"), origin: "old"),
            Change(path: "image", before: .file(bytes: [1, 0, 2]), after: .file(bytes: [1, 0, 3])),
            Change(path: "link", before: .symlink("there"), after: .file("text\n")),
            Change(path: "directory", before: nil, after: .directory),
        ]
        #expect(
            text(changes) == """
                diff --git a/empty b/empty
                new file mode 100644
                diff --git a/gone b/gone
                deleted file mode 100644
                --- a/gone
                +++ /dev/null
                @@ -1 +0,0 @@
                -x
                diff --git a/old b/moved
                similarity index 54%
                rename from old
                rename to moved
                --- a/old
                +++ b/moved
                @@ -1,4 +1,4 @@
                 1
                 2
                 3
                -4
                +four
                diff --git a/image b/image
                Binary files a/image and b/image differ
                diff --git a/link b/link
                deleted file mode 120000
                --- a/link
                +++ /dev/null
                @@ -1 +0,0 @@
                -there
                \\ No newline at end of file
                diff --git a/link b/link
                new file mode 100644
                --- /dev/null
                +++ b/link
                @@ -0,0 +1 @@
                +text
                coop: directory: a new directory

                """)
    }

    @Test func `a move is found by equal contents`() {
        let changes = [
            Change(path: "lib/a", before: .file("same\n"), after: nil), Change(path: "lib/b", before: .file("same\n"), after: nil),
            Change(path: "src/b", before: nil, after: .file("same\n")), Change(path: "other", before: nil, after: .file("diff\n")),
        ]
        let paired = Renames.paired(changes)
        #expect(paired.map(\.path) == ["lib/a", "src/b", "other"])
        #expect(paired.map(\.origin) == [nil, "lib/b", nil])
    }

    @Test func `names that could do harm are quoted`() {
        func quoted(_ bytes: [UInt8]) -> String { String(decoding: GitPath.quoted(String(osBytes: bytes)), as: UTF8.self) }
        #expect(quoted(Array("ä b".utf8)) == "ä b")
        #expect(quoted(Array("a\u{1B}]0;x\u{7}\n\"\\ä".utf8)) == #""a\033]0;x\a\n\"\\ä""#)
        #expect(quoted([0x61, 0xFF, 0x80]) == #""a\377\200""#)
        #expect(quoted(Array("a\u{202E}b".utf8)) == #""a\342\200\256b""#)
    }

    @Test func `modes that git does not know, and attributes, are told`() {
        #expect(text([Change(path: "s", before: .file("x"), after: .file("x", mode: 0o4755))]).contains("new mode 104755"))
        #expect(text([Change(path: "s", before: .file("x"), after: .file("x", mode: 0o640))]).contains("new mode 100640"))
        #expect(
            text([Change(path: "s", before: .file("x"), after: .file("x", attributes: ["user.a": [1]]))])
                == "coop: s: extended attributes user.a differ\n")
    }

    @Test func `statistics`() {
        var stat = DiffStat()
        let changes = [
            Change(path: "a", before: .file("1\n2\n"), after: .file("1\nzwei\n3\n")),
            Change(path: "long name", before: nil, after: .file(bytes: [0])),
        ]
        for change in changes { for diff in FileDiff.diffs(of: change) { stat.add(diff) } }
        #expect(
            stat.lines() == [" a         |   3 ++-", " long name | Bin 0 -> 1 bytes", " 2 files changed, 2 insertions(+), 1 deletion(-)"])
    }

    /// Trees at random; what is written is taken by git and by patch(1), and gives the new tree.
    @Test(arguments: [
        ["/usr/bin/git", "apply", "--unsafe-paths", "-p1", "--whitespace=nowarn"], ["/usr/bin/patch", "-s", "-p1", "--binary", "-i"],
    ])
    func `programs that know the format get the new tree`(program: [String]) throws {
        // Only git reads octal names, moves and empty files.
        let isGit = program[0] == "/usr/bin/git"
        var numbers = SeededGenerator(11)
        for round in 0..<40 {
            let scratch = try Scratch()
            let names = isGit ? ["a", "b c", "d/ä", "d/e\"f", "g\nh", String(osBytes: [0x6B, 0xFE])] : ["a", "b c", "d/e", "f"]
            var changes: [Change] = []
            var expected: [String: ([UInt8], UInt32)] = [:]
            for name in names {
                let old = lines(&numbers)
                let new = edited(old, &numbers)
                let oldMode: UInt32 = round % 4 == 0 ? 0o755 : 0o644
                let newMode: UInt32 = isGit && round % 3 == 0 ? 0o755 : oldMode
                switch Int.random(in: 0..<5, using: &numbers) {
                case 0 where !old.isEmpty || isGit:
                    try scratch.write(name, old, mode: oldMode)
                    changes.append(Change(path: name, before: .file(bytes: old, mode: oldMode), after: nil))
                case 1 where !new.isEmpty || isGit:
                    changes.append(Change(path: name, before: nil, after: .file(bytes: new, mode: newMode)))
                    expected[name] = (new, newMode)
                case 2 where isGit && !old.isEmpty:
                    try scratch.write(name, old, mode: oldMode)
                    changes.append(Change(path: name, before: .file(bytes: old, mode: oldMode), after: nil))
                    changes.append(Change(path: name + ".moved", before: nil, after: .file(bytes: new, mode: newMode), origin: name))
                    expected[name + ".moved"] = (new, newMode)
                default:
                    try scratch.write(name, old, mode: oldMode)
                    changes.append(Change(path: name, before: .file(bytes: old, mode: oldMode), after: .file(bytes: new, mode: newMode)))
                    expected[name] = (new, newMode)
                }
            }
            let diffs = Renames.paired(changes).flatMap { FileDiff.diffs(of: $0) }
            let patch = UnifiedDiff.text(diffs, context: round % 4)
            if patch.isEmpty { continue }
            let file = scratch.path + ".patch"
            try FileSystem.replace(file, with: patch)
            defer { try? FileSystem.removeFile(file) }
            let command = program + (isGit && round % 4 == 0 ? ["--unidiff-zero"] : []) + [file]
            let outcome = try scratch.run(command)
            #expect(outcome.exitCode == 0, "\(outcome)\n\(String(decoding: patch, as: UTF8.self))")
            for name in names.flatMap({ [$0, $0 + ".moved"] }) {
                let status = try FileSystem.status(scratch(name), followLinks: false)
                guard let (bytes, mode) = expected[name] else {
                    #expect(status == nil, "\(name.printable)")
                    continue
                }
                #expect(try FileSystem.read(scratch(name)) == bytes, "\(name.printable)")
                #expect(status.map { $0.st_mode & 0o100 } == mode & 0o100, "\(name.printable)")
            }
        }
    }

    private func lines(_ numbers: inout SeededGenerator) -> [UInt8] {
        let count = Int.random(in: 0...30, using: &numbers)
        let text = (0..<count).map { _ in
            Array("\(Int.random(in: 0..<20, using: &numbers))\(Bool.random(using: &numbers) ? "\r" : "")\n".utf8)
        }
        return Array(text.joined().dropLast(Bool.random(using: &numbers) ? 1 : 0))
    }

    private func edited(_ bytes: [UInt8], _ numbers: inout SeededGenerator) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 0...3, using: &numbers) {
            let place = Int.random(in: 0...result.count, using: &numbers)
            if Bool.random(using: &numbers) {
                result.insert(contentsOf: Array("new\n".utf8), at: place)
            } else {
                result.removeSubrange(place..<min(result.count, place + 5))
            }
        }
        return result
    }
}
