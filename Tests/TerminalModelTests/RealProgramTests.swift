import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import TerminalModel

/// The model shows of real programs what tmux(1) shows of them, before and after somebody leaves and comes back.
@Suite(.serialized) struct RealProgramTests {
    /// A program on a terminal of its own, whose screen is kept by the model.
    private final class Running {
        let process: ChildProcess
        let model: TerminalModel
        private var fed = 0

        init(_ command: [String], rows: Int, columns: Int) throws {
            model = TerminalModel(rows: rows, columns: columns)
            process = try ChildProcess(
                ["/usr/bin/env", "-i", "TERM=xterm-256color", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "HOME=/nonexistent"] + command,
                input: .terminal(rows: UInt16(rows), columns: UInt16(columns)))
        }

        private func feed() {
            model.feed(process.outputBytes[fed...])
            fed = process.outputBytes.count
            let replies = model.takeReplies()
            if !replies.isEmpty { try? process.send(String(decoding: replies, as: UTF8.self)) }
        }

        /// Takes in what there is by now.
        func look() throws {
            try process.waitUntil(timeout: 0) { _ in
                self.feed()
                return false
            }
        }

        /// Until the screen holds a text.
        func wait(for text: String) throws {
            let isShown = try process.waitUntil { _ in
                self.feed()
                return self.model.text.contains { $0.contains(text) }
            }
            if !isShown { throw TestSupportError("`\(text)` is not on the screen: \(model.text)") }
        }
    }

    /// What tmux shows of the same.
    ///
    /// - Parameter isComplete: whether that is all of it: what is shown while the program draws is a part.
    private func shownByTmux(
        _ command: [String], rows: Int, columns: Int, isComplete: ([String]) throws -> Bool
    ) throws -> [String] {
        let socket = "/tmp/coop-tmux-test.\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
        func tmux(_ arguments: [String]) throws -> ChildProcess.Outcome {
            try ChildProcess.run(
                ["/usr/bin/tmux", "-u", "-S", socket, "-f", "/dev/null"] + arguments,
                environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "TERM": "xterm-256color"])
        }
        defer {
            _ = try? tmux(["kill-server"])
            try? FileSystem.removeFile(socket)
        }
        let started = try tmux(["new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", ";", "set", "-g", "status", "off"])
        guard started.exitCode == 0 else { throw TestSupportError("tmux: \(started)") }
        // Without the line of tmux's own the window has the whole size.
        _ = try tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
        _ = try tmux(["respawn-pane", "-k"] + command)
        var lines: [String] = []
        try Deadline.poll(seconds: 60) {
            let shown = try tmux(["capture-pane", "-p"]).output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            lines = Array(shown.prefix(rows)) + Array(repeating: "", count: max(0, rows - shown.count))
            return try isComplete(lines)
        }
        return lines
    }

    private static let sizes = [(24, 80), (10, 40), (50, 132)]

    private func file() throws -> (directory: String, path: String) {
        var template = Array("/tmp/coop-terminal-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        let directory = String(osBytes: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)))
        let text = (1...200).map { "line \($0) of the file: 漢字 wide é\tand a tab, \(String(repeating: "long ", count: $0 % 30))" }.joined(
            separator: "\n")
        try FileSystem.replace(directory + "/file", with: Array((text + "\n").utf8))
        return (directory, directory + "/file")
    }

    @Test("vim and less, at several sizes", arguments: ["vim", "less"])
    func programs(_ name: String) throws {
        let (directory, path) = try file()
        defer { try? FileSystem.removeTree(directory) }
        let command =
            name == "vim"
            ? [
                FileSystem.isExecutable("/usr/bin/vim") ? "/usr/bin/vim" : "/usr/bin/vim.tiny", "-u", "NONE", "-N", "-i", "NONE", "-n",
                "-R", "+set nomore list ruler noshowcmd", "+normal 5Gzz", path,
            ]
            : ["/usr/bin/less", "-S", "-N", "+5", path]
        for (rows, columns) in RealProgramTests.sizes {
            let marker = name == "vim" ? "line 5 of" : "line 6 of"
            let running = try Running(command, rows: rows, columns: columns)
            try running.wait(for: marker)
            // Both may still be drawing when the marker is there.
            let shown = try shownByTmux(command, rows: rows, columns: columns) { lines in
                try running.look()
                return lines.contains { $0.contains(marker) } && running.model.text.map { trimmed($0) } == lines.map { trimmed($0) }
            }
            #expect(running.model.text.map { trimmed($0) } == shown.map { trimmed($0) }, "\(name) \(rows)x\(columns)")
            let again = TerminalModel(rows: rows, columns: columns)
            again.feed(running.model.snapshot())
            #expect(again.text == running.model.text)
            for row in 0..<rows { #expect(again.cells(row: row).map(\.text) == running.model.cells(row: row).map(\.text)) }
        }
    }

    @Test("htop: colours, bars and keys come back")
    func htop() throws {
        for (rows, columns) in RealProgramTests.sizes {
            let running = try Running(["/usr/bin/htop"], rows: rows, columns: columns)
            try running.wait(for: "F1Help")
            let again = TerminalModel(rows: rows, columns: columns)
            again.feed(running.model.snapshot())
            #expect(again.text == running.model.text && again.cursor == running.model.cursor)
            #expect(running.model.text.contains { $0.contains("PID") && $0.contains("USER") })
            #expect(running.model.modes.is_alternate == 1 && again.modes.mouse == running.model.modes.mouse)
        }
    }

    private func trimmed(_ line: String) -> String {
        var line = line
        while line.last == " " { line.removeLast() }
        return line
    }
}
