import Glibc
import LinuxKernel
import TestSupport

/// A terminal with a program in it, as a person sees it: tmux draws, the test looks and types.
final class Screen {
    private let place: Sandboxed
    private let socket: String
    private let code: String

    /// Starts `coop` in a terminal of its own, in the project.
    ///
    /// - Parameter environment: beyond the place's own.
    convenience init(_ place: Sandboxed, _ arguments: [String], environment: [String: String] = [:]) throws {
        try self.init(place, program: [try BuiltPrograms.coop()] + arguments, environment: environment)
    }

    /// Starts any program in a terminal of its own, in the project.
    ///
    /// - Parameter name: another one for each terminal of one place at a time.
    init(
        _ place: Sandboxed, program: [String], environment: [String: String] = [:], name: String = "terminal", columns: Int = 140,
        rows: Int = 50
    ) throws {
        self.place = place
        try place.makeDirectory("../" + name)
        socket = place.root + "/\(name)/socket"
        code = place.root + "/\(name)/code"
        let variables = place.environment.merging(environment) { $1 }.filter { $0.key != "TERM" }
        let words = ["env"] + variables.map { "\($0.key)=\($0.value)" } + program
        let quoted = words.map { "'" + $0.replacing("'", with: "'\\''") + "'" }.joined(separator: " ")
        let script = try place.write(
            "../\(name)/start", "cd '\(place.project)'\n\(quoted)\necho $? > '\(code).new'; mv '\(code).new' '\(code)'\n")
        try tmux("new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "sh", script, ";", "set-option", "remain-on-exit", "on")
    }

    deinit { _ = try? tmux("kill-server") }

    /// What is on the screen, without what has scrolled away.
    var text: String { get throws { try tmux("capture-pane", "-p") } }

    /// The same with colours and other attributes, as escape sequences.
    var picture: String { get throws { try tmux("capture-pane", "-p", "-e") } }

    /// One row of that by itself. In the whole picture a row begins with what the one above it has left of colours.
    func picture(ofRow row: Int) throws -> String { try tmux("capture-pane", "-p", "-e", "-S", "\(row)", "-E", "\(row)") }

    /// Where the cursor is, and which screen and keys the program has asked for.
    var state: String {
        get throws {
            let facts = ["cursor_x", "cursor_y", "alternate_on", "keypad_cursor_flag", "mouse_any_flag"]
            return try tmux("display-message", "-p", facts.map { "\($0)=#{\($0)}" }.joined(separator: " "))
        }
    }

    /// Gives the window another size.
    func resize(columns: Int, rows: Int) throws { try tmux("resize-window", "-x", "\(columns)", "-y", "\(rows)") }

    /// Types bytes as they are.
    func type(_ text: String) throws { try tmux("send-keys", "-l", text) }

    /// The same, to be told of a failure.
    var shown: String { (try? text) ?? "nothing" }

    /// Waits until the screen shows a text.
    func wait(for wanted: String, seconds: Double = 180) throws -> Bool { try wait(seconds: seconds) { $0.contains(wanted) } }

    /// Waits until the screen is as it should be.
    func wait(seconds: Double = 180, _ condition: (String) throws -> Bool) throws -> Bool {
        let deadline = Deadline(seconds: seconds)
        while try !condition(try text) {
            guard !deadline.hasPassed else { return false }
            // Each look is a process; nobody sees the difference.
            poll(nil, 0, 100)
        }
        return true
    }

    /// Types a line: Enter is pressed when the line is on the screen, as a program that takes pasted text for something else expects.
    ///
    /// - Returns: whether the line appeared.
    func enter(_ line: String) throws -> Bool {
        try tmux("send-keys", "-l", line)
        guard try wait(for: line, seconds: 60) else { return false }
        try tmux("send-keys", "Enter")
        return true
    }

    func press(_ key: String) throws { try tmux("send-keys", key) }

    /// The exit code of what runs in it; nil when it does not end.
    func end(seconds: Double = 180) throws -> Int32? {
        guard Deadline.poll(seconds: seconds, { FileSystem.kind(code) == .file }) else { return nil }
        return Int32(String(osBytes: try FileSystem.read(code)).filter(\.isNumber))
    }

    @discardableResult
    private func tmux(_ words: String...) throws -> String {
        let outcome = try ChildProcess.run(
            place.identity.arguments(["/usr/bin/tmux", "-u", "-S", socket, "-f", "/dev/null"] + words), environment: place.environment,
            directory: place.project)
        guard outcome.exitCode == 0 else { throw TestSupportError("tmux \(words): \(outcome)") }
        return outcome.output
    }
}
