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
        let same = try Deadline.poll(seconds: 60) {
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
        let drawn = try Deadline.poll(seconds: 60) { try looker.picture == again.picture }
        #expect(drawn, "\(looker.shown)\n---\n\(again.shown)")
        _ = try place.coop(["stop", "s"])
        #expect(try place.sandboxIDs().isEmpty)
    }

    /// A terminal that gets the very bytes that the session's has got, and whatever follows.
    private func replica(_ session: HostedSession, _ place: Sandboxed) throws -> Screen {
        let file = try session.directory + "/terminal"
        // Written beside the session.
        Deadline.poll(seconds: 60) { FileSystem.kind(file) == .file }
        let program = "stty raw -echo; exec tail -c +1 -f \(file)"
        return try Screen(place, program: ["sh", "-c", program], name: "replica")
    }

    @Test("htop: in every size and after every detach what a terminal shows that gets its bytes", .enabled(if: isThere("htop")))
    func htop() throws {
        let place = try place()
        let coop = try BuiltPrograms.coop()
        // What it shows changes with the machine; so it is compared with itself, every ten seconds something new.
        let inside = try Screen(
            place, program: [coop, "run", "--network", "none", "--name", "s", "--", "htop", "-d", "100"], name: "inside")
        #expect(try inside.wait(for: "F10Quit"), "\(inside.shown)")
        let session = HostedSession(place, id: try #require(try place.sandboxIDs().first))
        let replica = try replica(session, place)
        try expectSame(inside, replica, "before detach")
        // A process in colours, a search, and a help screen and back.
        for key in ["Down", "F5", "F1"] { try inside.press(key) }
        #expect(try inside.wait(for: "CPU usage bar"), "\(inside.shown)")
        try expectSame(inside, replica, "another screen")
        try inside.press("q")
        #expect(try inside.wait(for: "F10Quit"), "\(inside.shown)")
        try inside.type("\u{1}")
        try inside.type("d")
        #expect(try inside.wait(for: "[detached; coop attach"), "\(inside.shown)")

        let again = try Screen(place, program: [coop, "attach", "s"], name: "again")
        try expectSame(again, replica, "after reattach")
        try replica.resize(columns: 90, rows: 30)
        try again.resize(columns: 90, rows: 30)
        try expectSame(again, replica, "in another size")
        let looker = try Screen(place, program: [coop, "attach", "--read-only", "s"], name: "looker", columns: 90, rows: 30)
        let drawn = try Deadline.poll(seconds: 60) { try looker.picture == again.picture }
        #expect(drawn, "\(looker.shown)\n---\n\(again.shown)")

        // And with an htop that coop has nothing to do with: what does not depend on the processes is the same, colours and all.
        let outside = try Screen(place, program: ["htop", "-d", "100"], name: "outside", columns: 90, rows: 30)
        #expect(try outside.wait(for: "F10Quit"), "\(outside.shown)")
        func fixed(_ screen: Screen) throws -> [String] {
            let rows = try screen.text.split(separator: "\n", omittingEmptySubsequences: false)
            // Not the processes: their words may be anything.
            let indices = rows.indices.filter { rows[$0].contains("[Main]") || rows[$0].contains("F10Quit") }
            return try indices.map { try screen.picture(ofRow: $0) }
        }
        try again.press("F5")
        let same = try Deadline.poll(seconds: 60) { try fixed(again) == fixed(outside) && fixed(again).count == 2 }
        #expect(same, "\((try? fixed(again)) ?? [])\n---\n\((try? fixed(outside)) ?? [])")
        _ = try place.coop(["stop", "s"])
        #expect(try place.sandboxIDs().isEmpty)
    }

    @Test("tmux: panes, borders and a status line, as in a terminal of its own", .enabled(if: isThere("tmux")))
    func tmux() throws {
        let place = try place()
        let socket = "/tmp/" + FileSystem.lastComponent(of: place.root) + ".tmux"
        // The status line says nothing that differs between two of them.
        let lines = [
            "set -g status-left 'left '", "set -g status-right '#[fg=red]right'", "set -g automatic-rename off", "set -g allow-rename off",
            "set -g default-command 'sh -c \"cat text; read x\"'", "set -g set-titles off", "set -g default-terminal screen-256color",
        ]
        try place.write("tmux.conf", lines.joined(separator: "\n") + "\n")
        let start =
            "unset TMUX; exec tmux -u -S \(socket) -f tmux.conf new-session -n one \\; split-window -h 'printf \"\\033[45mcolour\\033[0m 語 e\u{301}\"; read x' "
            + "\\; split-window -v 'seq 100; read x' \\; new-window -n two 'echo second; read x' \\; select-window -t 0"
        let words = ["sh", "-c", start]
        let coop = try BuiltPrograms.coop()
        let outside = try Screen(place, program: words, name: "outside")
        defer { _ = try? place.outside(["/bin/sh", "-c", "tmux -S \(socket) kill-server; rm -f \(socket)"]) }
        let inside = try Screen(place, program: [coop, "run", "--network", "none", "--name", "s", "--"] + words, name: "inside")
        for screen in [outside, inside] { #expect(try screen.wait { $0.contains("100") && $0.contains("right") }, "\(screen.shown)") }
        try expectSame(inside, outside, "before detach")

        try inside.type("\u{1}")
        try inside.type("d")
        #expect(try inside.wait(for: "[detached; coop attach"), "\(inside.shown)")
        let again = try Screen(place, program: [coop, "attach", "s"], name: "again")
        try expectSame(again, outside, "after reattach")
        for screen in [again, outside] { try screen.resize(columns: 90, rows: 30) }
        try expectSame(again, outside, "in another size")
        for screen in [again, outside] {
            try screen.press("C-b")
            try screen.type("n")
        }
        for screen in [again, outside] { #expect(try screen.wait(for: "second"), "\(screen.shown)") }
        try expectSame(again, outside, "another window")
        _ = try place.coop(["stop", "s"])
        #expect(try place.sandboxIDs().isEmpty)
    }

    private static func isThere(_ program: String) -> Bool { FileSystem.isExecutable("/usr/bin/" + program) }
}
