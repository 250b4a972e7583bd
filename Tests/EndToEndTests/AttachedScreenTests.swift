import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What is seen through attach is what the same program shows in a terminal of its own.
@Suite struct AttachedScreenTests {
    /// A program, the keys that bring it to a picture, and what is on the screen then.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var words: [String]
        var keys: [String] = []
        var ready: String
        var testDescription: String { name }
    }

    private static let cases = [
        Case(
            name: "vim",
            words: [
                FileSystem.isExecutable("/usr/bin/vim") ? "vim" : "vim.tiny", "-u", "NONE", "-i", "NONE", "-n", "+set number nowrap",
                "text",
            ], keys: ["/wide", "Enter"],
            ready: "/wide"),
        Case(name: "less", words: ["less", "-R", "text"], keys: ["Space"], ready: "line 60"),
        Case(
            name: "shell with colours",
            words: [
                "sh", "-c",
                "i=1; while [ $i -le 90 ]; do printf '\\033[3%dmline %d\\033[0m wide \u{8A9E}\u{6F22} e\u{301}\\n' $((i % 8)) $i; i=$((i+1)); done; printf 'end> '; read x",
            ],
            ready: "end>"),
        Case(
            name: "margins and modes",
            words: [
                "sh", "-c",
                "stty -echo; printf '\\033[?1049h\\033[?1000h\\033[?1006h\\033[5;9r\\033[9;1Hlast\\n\\n\\033[1;1H\\033[7mtop\\033[0m\\033[4;20Hready'; read x",
            ],
            ready: "ready"),
    ]

    private func place() throws -> Sandboxed {
        let place = try Sandboxed(TestIdentity.all[0])
        place.environment["LESS"] = ""
        let lines = (1...200).map { "line \($0)\t\u{1B}[1;3\($0 % 8)mcolour\u{1B}[0m wide \u{8A9E}\u{6F22}\u{5B57} e\u{301} end" }
        try place.write("text", lines.joined(separator: "\n") + "\n")
        return place
    }

    /// Waits until two screens show the same, and says how they differ when they do not.
    private func expectSame(_ left: Screen, _ right: Screen, _ when: String) throws {
        var pictures = ("", "")
        let same = try Deadline.poll(seconds: 20) {
            pictures = (try left.picture + left.state, try right.picture + right.state)
            return pictures.0 == pictures.1
        }
        #expect(same, "\(when):\n\(pictures.0)\n--- in a terminal of its own:\n\(pictures.1)")
    }

    private func prepare(_ screen: Screen, _ wanted: Case) throws {
        // Keys that come before a program reads them may be taken for something else.
        #expect(try screen.wait(for: wanted.keys.isEmpty ? wanted.ready : "line 30"), "\(screen.shown)")
        for key in wanted.keys { if key.hasPrefix("/") { try screen.type(key) } else { try screen.press(key) } }
        #expect(try screen.wait(for: wanted.ready), "\(screen.shown)")
    }

    @Test("before detach, after reattach, and in another size", arguments: cases)
    func same(_ wanted: Case) throws {
        let place = try place()
        let outside = try Screen(place, program: wanted.words, name: "outside")
        let inside = try Screen(
            place, program: [try BuiltPrograms.coop(), "run", "--network", "none", "--name", "s", "--"] + wanted.words, name: "inside")
        try prepare(outside, wanted)
        try prepare(inside, wanted)
        try expectSame(inside, outside, "before detach")

        try inside.type("\u{1}")
        try inside.type("d")
        #expect(try inside.wait(for: "[detached; coop attach"), "\(inside.shown)")
        let again = try Screen(place, program: [try BuiltPrograms.coop(), "attach", "s"], name: "again")
        try expectSame(again, outside, "after reattach")

        // The first terminal of another size that is attached alone gives its size to the program.
        try again.resize(columns: 90, rows: 30)
        try outside.resize(columns: 90, rows: 30)
        if ["vim", "less"].contains(wanted.name) { try expectSame(again, outside, "in another size") }
        let looker = try Screen(
            place, program: [try BuiltPrograms.coop(), "attach", "--read-only", "s"], name: "looker", columns: 90, rows: 30)
        let drawn = try Deadline.poll(seconds: 20) { try looker.picture == again.picture }
        #expect(drawn, "\(looker.shown)\n---\n\(again.shown)")
        _ = try place.coop(["stop", "s"])
        #expect(try place.sandboxIDs().isEmpty)
    }
}
