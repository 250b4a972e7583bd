import CoopErrors
import EventLog
import FoundationEssentials
import Glibc
import LinuxKernel
import Sandbox
import Sessions
import TestSupport

/// A session whose log the test itself writes, in the place of an identity.
final class WrittenSession {
    static let id = "abcdefghijkm"

    let place: Sandboxed
    let directory: String
    let writer: EventWriter
    /// As long as it is there the session lives.
    private var lock: SessionDirectory?

    /// - Parameters:
    ///   - isLive: whether a supervisor seems to be there.
    ///   - hasBegun: whether there is a log already.
    init(_ identity: TestIdentity, isLive: Bool = false, hasBegun: Bool = true, id: String = WrittenSession.id, name: String? = "fix-auth")
        throws
    {
        place = try Sandboxed(identity)
        directory = place.coopHome + "/projects/-project/sessions/" + id
        try FileSystem.makeDirectories(directory, mode: 0o700)
        let summary = SessionSummary(
            id: id, name: name, agent: nil, workspace: "/project", command: ["claude"], started: 1, hasTerminal: true, arguments: [],
            directory: "/project")
        try summary.write(directory: directory)
        if isLive {
            let run = place.coopHome + "/run"
            try FileSystem.makeDirectories(run, mode: 0o700)
            lock = try SessionDirectory.create(in: run, id: id)
        }
        writer = try EventWriter.create(directory: directory)
        if hasBegun { try writer.append(.started) }
        try publish()
    }

    /// Makes everything so far visible to readers, and theirs.
    func publish() throws {
        try writer.flush()
        guard getuid() == 0 else { return }
        let given = try ChildProcess.run(["/bin/chown", "-R", "\(place.identity.user):\(place.identity.group)", place.coopHome])
        if given.exitCode != 0 { throw TestSupportError("\(given)") }
    }

    /// The supervisor is killed.
    func die() { lock = nil }

    func append(_ type: EventType, _ texts: KeyValuePairs<String, String>, _ numbers: KeyValuePairs<String, Int64> = [:]) throws {
        var fields = EventFields()
        for (name, text) in texts { fields.put(name, content: text.utf8) }
        for (name, number) in numbers { fields.put(name, number) }
        try writer.append(type, fields)
    }

    func append(_ type: EventType, json: KeyValuePairs<String, String>) throws {
        var fields = EventFields()
        for (name, text) in json { fields.put(name, json: text.utf8) }
        try writer.append(type, fields)
    }

    func show(_ text: String) throws { try writer.append(terminal: Array(text.utf8)) }

    /// Ends the log as a supervisor does.
    func end(_ code: Int64 = 0) throws {
        try append(.exited, [:], ["code": code])
        try writer.close()
        try publish()
    }

    /// Runs a command about it to its end.
    func coop(_ words: [String], input: ChildProcess.Input = .null, environment: [String: String] = [:]) throws -> ChildProcess.Outcome {
        try place.coop(words, environment: environment, input: input)
    }
}

/// The numbers of events that were printed one a line; a last line that was cut off does not count.
func numbers(_ bytes: [UInt8]) -> [UInt64] {
    struct Line: Decodable { var seq: UInt64 }
    return bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast().compactMap {
        try? JSONDecoder().decode(Line.self, from: Data($0)).seq
    }
}

/// What a hostile program would write: the clipboard, a title, questions, a string, a link, an 8-bit control.
let hostile =
    "a\u{1B}]52;c;ZQ==\u{7}b\u{1B}]0;owned\u{7}c\u{1B}[6nd\u{1B}P1$r0m\u{1B}\\e\u{1B}]8;;http://x\u{7}f\u{9B}2Jg\u{5}\u{1B}[5i\u{1B}[21th"

extension ChildProcess.Outcome {
    /// Sequences that do more than colour, and controls that are none of text; empty is right.
    var harm: [String] {
        var found: [String] = []
        let all = outputBytes + errorBytes
        for (index, byte) in all.enumerated() {
            if byte == 0x1B {
                let rest = all[(index + 1)...].prefix(40)
                let sequence = rest.prefix { $0 != UInt8(ascii: "m") && $0 != 0x1B && $0 != 0x0A }
                let isColor =
                    rest.first == UInt8(ascii: "[") && sequence.dropFirst().allSatisfy { (0x30...0x3B).contains($0) }
                    && rest.dropFirst(sequence.count).first == UInt8(ascii: "m")
                if !isColor { found.append("ESC " + String(decoding: rest, as: UTF8.self).printable) }
            } else if byte < 0x20, ![0x09, 0x0A, 0x0D].contains(byte) {
                found.append("control \(byte) at \(index)")
            }
        }
        if output.unicodeScalars.contains(where: { (0x80..<0xA0).contains($0.value) }) { found.append("C1") }
        return found
    }
}
