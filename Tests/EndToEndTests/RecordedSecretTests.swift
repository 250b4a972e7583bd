import Glibc
import LinuxKernel
import TestSupport
import Testing

/// No secret is in what a session leaves on the disk, though the terminal shows it.
@Suite struct RecordedSecretTests {
    private static let screen = ChildProcess.Input.terminal(rows: 24, columns: 80)
    /// Made anew for each test, so that no file of the build holds it.
    private let secret =
        "key-" + String((0..<24).map { _ in "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789".randomElement() ?? "x" })

    private var mask: String { String(repeating: "*", count: secret.utf8.count) }

    private func place(_ identity: TestIdentity) throws -> (place: Sandboxed, file: String) {
        let place = try Sandboxed(identity)
        let file = try place.write("mounted/token", secret + "\n")
        return (place, file)
    }

    /// Everything below a session's directory, and what `logs` and `watch` print of it.
    private func expectNothing(of session: HostedSession) throws {
        let command = ["/bin/grep", "-rcFe", secret, try session.directory]
        let found = try ChildProcess.run(command).output.split(separator: "\n").filter { !$0.hasSuffix(":0") }
        #expect(found == [])
        for words in [["logs", session.id], ["logs", "--json", session.id], ["logs", "--raw", session.id], ["watch", session.id]] {
            let outcome = try session.place.coop(words)
            #expect(outcome.exitCode == 0 && !outcome.output.contains(secret), "\(words) \(outcome)")
        }
    }

    @Test("read from a mounted file at once and in pieces, sent, typed, and of a further command", arguments: TestIdentity.all)
    func stored(_ identity: TestIdentity) throws {
        let (place, file) = try place(identity)
        #expect(try place.coop(["secret", "add", "--global", "TOKEN"], input: .bytes(Array(secret.utf8))).exitCode == 0)
        let directory = String(file.dropLast("/token".count))
        // Each piece is a read of its own: the next one waits until the last was seen.
        let script = "cat token; head -c 9 token; read go; tail -c +10 token; while read line; do echo \"got $line\"; done"
        let session = try HostedSession(
            place, ["-m", "\(directory):\(directory):ro"], command: ["sh", "-c", "cd \(directory); " + script])
        // The first one is in the log, the second one waits for its rest, and who attaches sees what waits.
        #expect(try session.shows(mask + "\r\n"))
        let attached = try place.start(["attach", session.id], input: Self.screen)
        #expect(try attached.waitForOutput(String(secret.prefix(9))), "\(attached.outputText)")
        #expect(attached.outputText.contains(mask) && !attached.outputText.contains(secret), "\(attached.outputText)")
        try attached.send("go\r")
        #expect(try attached.waitForOutput("\(secret.dropFirst(9))\r\n"), "\(attached.outputText)")
        try attached.send("\(secret)\r")
        #expect(try attached.waitForOutput("got \(secret)"), "\(attached.outputText)")
        #expect(try place.coop(["send", session.id, "sent \(secret)"]).exitCode == 0)
        #expect(try attached.waitForOutput("got sent \(secret)"), "\(attached.outputText)")
        let exec = try place.coop(["exec", session.id, "--", "cat", file], input: Self.screen)
        #expect(exec.output == secret + "\r\n", "\(exec)")
        try attached.send("\u{1}d")
        #expect(try attached.wait().exitCode == 0)
        try session.stop()
        try expectNothing(of: session)
        #expect(try session.terminal.contains("got sent \(mask)"))
        let inputs = try session.events().filter { $0.hasPrefix("input") }
        #expect(inputs.filter { $0.contains(mask) }.count == 2, "\(inputs)")
        #expect(try place.remains() == [])
    }

    @Test("that a grant has from a file of its own", arguments: TestIdentity.all)
    func granted(_ identity: TestIdentity) throws {
        let (place, file) = try place(identity)
        try place.configure("[network]\nmode = \"scoped\"\n")
        let grant = ["grant", "add", "api", "--domain", "api.coop-test.example", "--source", "file:\(file)", "--header", "X-Key"]
        let added = try place.coop(grant)
        #expect(added.exitCode == 0, "\(added)")
        let directory = String(file.dropLast("/token".count))
        let outcome = try place.coop(["run", "-d", "-m", "\(directory):\(directory):ro", "--", "sh", "-c", "base64 \(file); cat \(file)"])
        #expect(outcome.exitCode == 0, "\(outcome)")
        let session = HostedSession(place, id: outcome.output.split(separator: "\n").first.map(String.init) ?? "")
        #expect(try place.coop(["wait", session.id]).exitCode == 0)
        try expectNothing(of: session)
        let terminal = try session.terminal
        #expect(terminal.hasSuffix("\r\n\(mask)\r\n") && terminal.contains("****"), "\(terminal)")
    }
}
