import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Commands that change files of coop's own, killed at every point at which they touch one (`COOP_TEST_KILL_AT`).
@Suite struct KilledWriteTests {
    /// A change of state and the way back.
    struct Change: Sendable, CustomTestStringConvertible {
        var command: [String]
        var input: String
        var back: [[String]]
        var inputBack: String
        var first: [[String]]

        init(_ command: String, input: String = "", back: String..., inputBack: String = "", first: String...) {
            func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
            self.command = words(command)
            self.input = input
            self.back = back.map(words)
            self.inputBack = inputBack
            self.first = first.map(words)
        }

        var testDescription: String { command.joined(separator: " ") }
    }

    static let changes = [
        Change(
            "config set --user sandbox.memory 8G", back: "config set --user sandbox.memory 4G", first: "config set --user sandbox.memory 4G"
        ),
        Change("config set sandbox.pids 64", back: "config unset sandbox.pids"),
        Change(
            "config set --local --add network.deny a.example", back: "config set --local --remove network.deny a.example",
            first: "config set --local network.deny z.example"),
        Change("config unset --user sandbox.cpus", back: "config set --user sandbox.cpus 2", first: "config set --user sandbox.cpus 2"),
        Change("config edit", back: "config unset agent"), Change("config import --yes", back: "config unset start"),
        Change("trust --yes", back: "trust --revoke"),
        Change("trust --revoke", back: "trust --yes", first: "trust --yes"),
        Change("secret add NEW", input: "new-value-of-a-secret", back: "secret rm NEW"),
        Change(
            "secret add --replace KEPT", input: "another-value-of-it", back: "secret add --replace KEPT",
            inputBack: "kept-value-of-a-secret"),
        Change("secret rm KEPT", back: "secret add KEPT", inputBack: "kept-value-of-a-secret"),
        Change("grant add new --domain api.example --header X --secret KEPT", back: "grant remove new"),
        Change("grant remove old", back: "grant add old --domain old.example --header X --secret KEPT"),
        Change(
            "allow --save b.example", back: "config set --user --remove network.allow b.example",
            first: "config set --user network.allow c.example"),
        Change("deny --save b.example", back: "config unset --user network.deny"),
    ]

    private func place() throws -> Sandboxed {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", "# the project\nname = \"x\"\n[sandbox]\nenv_allow = [\"A_*\"] # asked for\n")
        try place.write("pillbox.toml", "env = {}\n")
        try place.write(".sbox/config.yaml", "cmd: make\n")
        try place.write(
            place.home + "/editor", "#!/bin/sh\necho 'agent = \"claude\"' | cat - \"$1\" > \"$1.2\"\nmv \"$1.2\" \"$1\"\n", mode: 0o755)
        place.environment["EDITOR"] = place.home + "/editor"
        try place.coop(["secret", "add", "KEPT"], input: .bytes("kept-value-of-a-secret".osBytes)).expectSuccess()
        try place.coop(["grant", "add", "old", "--domain", "old.example", "--header", "X", "--secret", "KEPT"]).expectSuccess()
        return place
    }

    /// The files that hold state, by path: contents without the times in them. Not the audit log, which grows, nor locks.
    private func state(_ place: Sandboxed) throws -> [String: String] {
        var result: [String: String] = [:]
        func visit(_ directory: String) throws {
            for (name, kind) in try FileSystem.entries(directory) {
                let path = FileSystem.join(directory, name)
                if kind == .directory {
                    if name != "audit" && !path.hasSuffix("/state") { try visit(path) }
                } else if !name.hasSuffix(".lock"), !isTemporary(name) {
                    let lines = try String(osBytes: FileSystem.read(path)).split(separator: "\n", omittingEmptySubsequences: false)
                    result[path] = lines.filter { !$0.hasPrefix("changed=") && !$0.hasPrefix("created=") && !$0.hasPrefix("approved") }
                        .joined(separator: "\n")
                }
            }
        }
        try visit(place.coopHome)
        try visit(place.project)
        return result
    }

    private func isTemporary(_ name: String) -> Bool { name.hasSuffix(".tmp") || name.hasPrefix(".tmp-") || name.hasPrefix("edit.") }

    /// Files that only a command at work may have.
    private func temporaries(_ directories: [String]) throws -> [String] {
        try directories.flatMap { directory -> [String] in
            try FileSystem.entries(directory).flatMap { name, kind -> [String] in
                let path = FileSystem.join(directory, name)
                if isTemporary(name) { return [path] }
                return kind == .directory ? try temporaries([path]) : []
            }
        }
    }

    @Test("a command that is killed at any point leaves the old state or the new, whole, and the next one clears up", arguments: changes)
    func killed(_ change: Change) throws {
        let place = try place()
        func coop(_ words: [String], _ input: String = "", at point: Int? = nil) throws -> ChildProcess.Outcome {
            try place.coop(words, environment: point.map { ["COOP_TEST_KILL_AT": String($0)] } ?? [:], input: .bytes(input.osBytes))
        }
        func back() throws { for words in change.back { try coop(words, change.inputBack).expectSuccess() } }
        for words in change.first { try coop(words).expectSuccess() }
        try coop(change.command, change.input).expectSuccess()
        // What one way and back leaves behind, such as a list that is empty now, is where it begins.
        try back()
        let old = try state(place)
        try coop(change.command, change.input).expectSuccess()
        let new = try state(place)
        try back()
        #expect(try old != new && state(place) == old)

        var point = 1
        while point < 100 {
            let outcome = try coop(change.command, change.input, at: point)
            guard outcome.signal == SIGKILL else {
                outcome.expectSuccess()
                break
            }
            let found = try state(place)
            #expect(found == old || found == new, "killed at \(point): \(found)")
            let others = ["config validate", "secret list", "grant list", "trust --show", "audit verify", "ps"]
            for words in others.map({ $0.split(separator: " ").map(String.init) }) {
                try coop(words).expectSuccess()
            }
            if found == old {
                try coop(change.command, change.input).expectSuccess()
                #expect(try state(place) == new, "killed at \(point)")
            }
            try back()
            #expect(try state(place) == old, "killed at \(point)")
            #expect(try temporaries([place.coopHome, place.project]) == [], "killed at \(point)")
            point += 1
        }
        #expect(point > 1 && point < 100, "\(point) points")
    }

    @Test("an init that is killed at any point leaves a whole file or none, and nothing beside it once there is one")
    func initialisation() throws {
        let place = try Sandboxed(anyone)
        var point = 1
        while point < 100 {
            let outcome = try place.coop(["init"], environment: ["COOP_TEST_KILL_AT": String(point)])
            let isThere = place.exists("coop.toml")
            try place.coop(["config", "validate"]).expectSuccess()
            #expect(try place.coop(["init"]).exitCode == (isThere ? 1 : 0), "killed at \(point)")
            #expect(try FileSystem.list(place.project) == ["coop.toml"], "killed at \(point)")
            try FileSystem.removeFile(place("coop.toml"))
            guard outcome.signal == SIGKILL else {
                outcome.expectSuccess()
                break
            }
            point += 1
        }
        #expect(point > 3 && point < 100, "\(point) points")
        // What its user masks is masked.
        try place.outside(["/bin/sh", "-c", "umask 077; \"\(BuiltPrograms.coop())\" init"]).expectSuccess()
        #expect(try (FileSystem.status(place("coop.toml"))?.st_mode ?? 0) & 0o777 == 0o600)
    }

    @Test("a run that is killed at any point leaves nothing that the next command does not clear away")
    func run() throws {
        let place = try Sandboxed(anyone)
        try place.write("file", "text")
        var point = 1
        while point < 100 {
            let outcome = try place.coop(["run", "true"], environment: ["COOP_TEST_KILL_AT": String(point)])
            if outcome.exitCode == 0 { break }
            #expect(outcome.signal == SIGKILL, "killed at \(point): \(outcome)")
            // As long as something of it is still ending, `ps` may find nothing to clear away.
            try Deadline.poll(seconds: 60) { try place.processes().isEmpty }
            try place.coop(["ps"]).expectSuccess()
            #expect(try place.remains() == [], "killed at \(point)")
            point += 1
        }
        #expect(point > 3 && point < 100, "\(point) points")
        try place.run(["true"]).expectSuccess()
        #expect(try temporaries([place.coopHome, place.project]) == [])
        #expect(try FileSystem.list(place.project) == ["file"])
    }
}
