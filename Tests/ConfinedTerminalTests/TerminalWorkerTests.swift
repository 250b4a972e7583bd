import CoopErrors
import Glibc
import LinuxKernel
import TerminalModel
import TestSupport
import Testing

@testable import ConfinedTerminal

/// How many rounds of a fuzz test; `COOP_FUZZ_ITERATIONS` for a long run.
let iterations = getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? 300

/// The worker answers as the model would in this process, and when it does not, nobody hangs and no terminal is harmed.
@Suite struct TerminalWorkerTests {
    /// For a worker that answers, however busy the machine is. Milliseconds.
    private static let long: Int64 = 300_000

    private func worker(rows: Int = 5, columns: Int = 20, patience: Int64 = 20_000) throws -> TerminalWorker {
        let worker = try TerminalWorker(program: try BuiltPrograms.coop())
        worker.patience = patience
        try worker.begin(rows: rows, columns: columns)
        return worker
    }

    /// A worker that is none: a script.
    private func impostor(_ script: String) throws -> (worker: TerminalWorker, directory: String) {
        let directory = String(try ChildProcess.run(["/bin/mktemp", "-d", "/tmp/coop-worker-test.XXXXXX"]).output.dropLast())
        let path = directory + "/worker"
        // Written by another process: this one may be forking, and what is open for writing cannot be executed.
        let written = try ChildProcess.run(
            ["/bin/sh", "-c", "cat > \"$0\"; chmod 755 \"$0\"", path], input: .bytes(Array("#!/bin/sh\ncd \(directory)\n\(script)\n".utf8)))
        #expect(written.exitCode == 0)
        let worker = try TerminalWorker(program: path)
        worker.patience = 2000
        return (worker, directory)
    }

    @Test("a screen is fed, resized, drawn, cropped, and read as text")
    func answers() throws {
        let worker = try worker(patience: TerminalWorkerTests.long)
        let model = TerminalModel(rows: 5, columns: 20)
        for text in ["one\r\ntwo\r\n", "\u{1B}[31mred\u{1B}[6n", "\u{1B}[?2004h 漢字"] {
            try worker.feed(text.utf8)
            model.feed(text.utf8)
        }
        #expect(try worker.text() == ["one", "two", "red 漢字", "", ""])
        #expect(try worker.snapshot() == model.snapshot())
        #expect(try worker.crop(rows: 2, columns: 6) == model.crop(rows: 2, columns: 6))
        #expect(try worker.takeReplies() == model.takeReplies())
        try worker.resize(rows: 2, columns: 10)
        model.resize(rows: 2, columns: 10)
        #expect(try worker.text(scrollback: true) == model.scrollbackText + model.text)
        try worker.begin(rows: 2, columns: 10)
        #expect(try worker.text(scrollback: true) == ["", ""])
    }

    @Test("questions can be asked without waiting, and more bytes than any buffer holds are taken")
    func withoutWaiting() throws {
        let worker = try worker(rows: 24, columns: 80, patience: TerminalWorkerTests.long)
        let line = Array("\u{1B}[32mline of a flood\u{1B}[0m\r\n".utf8)
        try worker.feed(Array(repeatElement(line, count: 100_000).joined()))
        let number = try worker.ask(.text(scrollback: true))
        var answers: [ScreenAnswer] = []
        while answers.isEmpty {
            var watched = pollfd(fd: worker.descriptor.number, events: Int16(POLLIN | (worker.wantsToWrite ? POLLOUT : 0)), revents: 0)
            #expect(poll(&watched, 1, Int32(TerminalWorkerTests.long)) == 1)
            answers += try worker.advance()
        }
        #expect(answers.map(\.number) == [number])
        guard case .lines(let lines) = answers[0].content else { throw TestSupportError("\(answers)") }
        #expect(lines.count == 2024 && lines[0] == "line of a flood")
    }

    @Test("a worker that dies is an error from then on, and a new one goes on")
    func died() throws {
        let first = try worker(patience: TerminalWorkerTests.long)
        try first.feed("text".utf8)
        _ = try first.text()
        kill(first.process, SIGKILL)
        #expect(throws: CoopError.self) { _ = try first.text() }
        #expect(throws: CoopError.self) { try first.feed("more".utf8) }
        #expect(try worker(patience: TerminalWorkerTests.long).text() == ["", "", "", "", ""])
        // And one that is not there at all.
        #expect(throws: CoopError.self) { try TerminalWorker(program: "/nonexistent/coop") }
    }

    @Test("its process goes with the object")
    func released() throws {
        var pid: pid_t = 0
        do {
            let worker = try worker(patience: TerminalWorkerTests.long)
            _ = try worker.text()
            pid = worker.process
        }
        #expect(kill(pid, 0) == -1 && errno == ESRCH)
    }

    @Test(
        "a worker that says nothing, too much, or what nobody asked ends in an error",
        arguments: [
            "exec /usr/bin/sleep 1000", "exec /bin/cat /dev/zero", "exec /bin/cat /dev/urandom", "exec /bin/cat", "exit 0",
            // It does not even read.
            "exec 0<&-; exec /usr/bin/sleep 1000",
            "/usr/bin/head -c 13 > /dev/null; printf '\\011\\000\\000\\000\\001\\000\\000\\000\\003\\000\\000\\000\\000'; exec /usr/bin/sleep 1000",
            // The promise of a long answer that never comes.
            "/usr/bin/head -c 24 > /dev/null; printf '\\000\\000\\377\\001\\001\\000\\000\\000\\001'; exec /usr/bin/sleep 1000",
        ])
    func hostileWorker(_ script: String) throws {
        let (worker, directory) = try impostor(script)
        defer { try? FileSystem.removeTree(directory) }
        #expect(throws: CoopError.self) {
            try worker.begin(rows: 5, columns: 20)
            try worker.feed([UInt8](repeating: 0x61, count: 4 << 20))
            _ = try worker.snapshot()
        }
        #expect(throws: CoopError.self) { _ = try worker.advance() }
    }

    @Test("what a taken-over worker would send to a person's terminal is filtered")
    func filtered() throws {
        let hostile = "\u{1B}]52;c;ZQ==\u{7}\u{1B}[31mred\u{1B}[6n\u{1B}]0;title\u{7}\u{9B}x"
        for (question, content) in [
            (ScreenQuestion.snapshot(scrollback: true), ScreenAnswer.Content.drawing(Array(hostile.utf8))),
            (.text(scrollback: false), .lines([hostile, "two\nlines"])),
        ] {
            let asked = FrameBuffer.frame(ScreenRequest.ask(number: 1, question)).count
            let (worker, directory) = try impostor("/usr/bin/head -c \(13 + asked) > /dev/null; /bin/cat answer; exec /usr/bin/sleep 1000")
            defer { try? FileSystem.removeTree(directory) }
            worker.patience = TerminalWorkerTests.long
            try FileSystem.replace(directory + "/answer", with: FrameBuffer.frame(ScreenAnswer(number: 1, content: content)))
            try worker.begin(rows: 5, columns: 20)
            if case .text = question {
                let lines = try worker.text()
                #expect(lines == ["red\u{FFFD}x", "twolines"], "\(lines)")
            } else {
                #expect(String(decoding: try worker.snapshot(), as: UTF8.self) == "\u{1B}[31mred\u{FFFD}x")
            }
        }
    }

    @Test("hostile output never hangs anybody: the worker answers, or it has ended")
    func fuzzed() throws {
        var random = SystemRandomNumberGenerator()
        let finals = Array("@ABCDEFGHIJKLMPSTXZ`abcdefghilmnpqrstux~".utf8)
        var running = try worker()
        for _ in 0..<(iterations / 10) {
            do {
                try running.begin(rows: Int.random(in: 0...200, using: &random), columns: Int.random(in: 0...400, using: &random))
                for _ in 0..<20 {
                    var bytes = (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }
                    bytes += Array("\u{1B}[\(Int.random(in: 0...99_999));\(UInt32.random(in: 0...UInt32.max))".utf8)
                    bytes.append(finals.randomElement(using: &random) ?? 0x40)
                    try running.feed(bytes)
                    try running.resize(rows: Int.random(in: 0...60, using: &random), columns: Int.random(in: 0...100, using: &random))
                }
                var filter = TerminalFilter()
                let snapshot = try running.snapshot()
                #expect(filter.filter(snapshot) == snapshot)
                _ = try running.crop(rows: Int.random(in: 0...60, using: &random), columns: Int.random(in: 0...100, using: &random))
                #expect(try running.text().count <= 60)
            } catch {
                running = try worker()
            }
        }
    }

    @Test("a worker that is sent nonsense ends by itself")
    func nonsense() throws {
        for round in 0..<(iterations / 10) {
            let bytes = (0..<Int.random(in: 0...300)).map { _ in UInt8.random(in: 0...(round % 2 == 0 ? 255 : 4)) }
            let end = try ChildProcess.run([try BuiltPrograms.coop(), "terminal-worker"], input: .bytes(bytes))
            #expect([0, 125].contains(end.exitCode) && !end.timedOut, "\(bytes): \(end)")
        }
    }
}
