import EventLog
import Glibc
import LinuxKernel
import TerminalModel
import TestSupport
import Testing

@testable import ConfinedTerminal

/// Whoever attaches sees what the terminal showed, whatever the log holds and however long it is.
@Suite struct ScreenReplayTests {
    private final class Log {
        let path: String
        let writer: EventWriter

        init() throws {
            path = String(try ChildProcess.run(["/bin/mktemp", "-d", "/tmp/coop-replay-test.XXXXXX"]).output.dropLast())
            writer = try EventWriter.create(directory: path)
        }

        deinit { try? FileSystem.removeTree(path) }

        func resize(_ rows: Int, _ columns: Int) throws {
            var fields = EventFields()
            fields.put("rows", Int64(rows))
            fields.put("columns", Int64(columns))
            try writer.append(.resized, fields)
        }

        func feed(_ text: String) throws { try writer.append(terminal: Array(text.utf8)) }

        func checkpoint(_ offset: Int64, _ rows: Int, _ columns: Int, _ snapshot: [UInt8]) throws {
            var fields = EventFields()
            fields.put("offset", offset)
            fields.put("rows", Int64(rows))
            fields.put("columns", Int64(columns))
            fields.put("snapshot", content: snapshot)
            try writer.append(EventType(rawValue: "screen"), fields)
        }
    }

    private func shown(_ log: Log, upTo end: Int64? = nil) throws -> (lines: [String], size: Int, end: Int64) {
        try log.writer.flush()
        let worker = try TerminalWorker(program: try BuiltPrograms.coop())
        worker.patience = 300_000
        let reached = try ScreenReplay(directory: log.path).feed(worker, upTo: end)
        let lines = try worker.text()
        return (lines.filter { !$0.isEmpty }, lines.count, reached)
    }

    @Test("bytes and sizes in their order, up to any byte")
    func order() throws {
        let log = try Log()
        try log.resize(4, 10)
        try log.feed("0123456789abc\r\n")
        try log.resize(6, 20)
        try log.writer.append(.message)
        try log.feed("0123456789abc\u{1B}[6;20HX")
        let all = try shown(log)
        #expect(
            all.lines == ["0123456789", "abc", "0123456789abc", String(repeating: " ", count: 19) + "X"] && all.size == 6 && all.end == 36)
        let part = try shown(log, upTo: 5)
        #expect(part.lines == ["01234"] && part.size == 4 && part.end == 5)
        #expect(try shown(log, upTo: 1000).end == 36)
        #expect(try shown(log, upTo: 0).lines.isEmpty)
    }

    @Test("an empty log is an empty screen of the usual size")
    func empty() throws {
        let log = try Log()
        try log.writer.append(.started)
        let found = try shown(log)
        #expect(found.lines.isEmpty && found.size == 24 && found.end == 0)
    }

    @Test("the last checkpoint before the place is where it begins", arguments: [10, 5000])
    func checkpoint(_ padding: Int) throws {
        let log = try Log()
        try log.resize(4, 40)
        try log.feed("one\r\ntwo\r\n")
        let model = TerminalModel(rows: 3, columns: 30)
        // Not what the log says, so that it is known where the replay began; long enough to be kept by its hash, or not.
        model.feed("from the checkpoint\r\n".utf8)
        for column in 0..<padding { model.feed("\u{1B}[3\(column % 8)m".utf8) }
        try log.checkpoint(10, 3, 30, model.snapshot() + [UInt8](repeating: 0, count: padding))
        try log.feed("three\r\n")
        try log.checkpoint(17, 3, 30, model.snapshot())
        try log.resize(5, 30)
        try log.feed("four")
        #expect(try shown(log).lines == ["from the checkpoint", "four"] && shown(log).size == 5)
        #expect(try shown(log, upTo: 15).lines == ["from the checkpoint", "three"])
        #expect(try shown(log, upTo: 9).lines == ["one", "two"])
    }

    @Test("of a long log only the end is read, from where a line begins, in the size it had")
    func long() throws {
        let log = try Log()
        try log.resize(4, 40)
        try log.feed("beginning\r\n")
        try log.resize(5, 50)
        let line = "a line of a log that is longer than anybody wants to read\r\n"
        let piece = String(repeating: line, count: 1000)
        for _ in 0..<150 {
            try log.feed(piece)
            try log.writer.flush()
        }
        try log.feed("end")
        let found = try shown(log)
        #expect(found.size == 5 && found.lines.last == "end" && found.lines.count == 5, "\(found)")
        #expect(found.end == Int64(11 + 150 * piece.utf8.count + 3))
    }
}
