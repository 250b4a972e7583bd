import FoundationEssentials
import LinuxKernel
import Sandbox
import TestSupport
import Testing
import WardenProtocol

/// An identity for what does not depend on it.
let anyone = TestIdentity.ordinary.first ?? .root

/// What `coop explain --json` prints.
typealias Explained = Explanation

/// An error as programs read it.
struct ErrorReport: Decodable {
    struct Body: Decodable {
        var code: String
        var message: String
        var next: String?
    }
    var version: Int
    var error: Body
}

extension ChildProcess.Outcome {
    /// Standard output as JSON.
    func json<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(outputBytes))
    }

    /// Checks an error of coop's own: its code, that it says what, why and what next, and that no control character of
    /// anybody's input reaches the terminal.
    func expectError(
        _ code: Int32, _ parts: String..., next: String? = nil, location: SourceLocation = #_sourceLocation
    ) {
        #expect(exitCode == code, "\(self)", sourceLocation: location)
        let lines = error.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(error.hasPrefix("coop: "), "\(error)", sourceLocation: location)
        #expect(
            error.hasSuffix("\n") && lines.dropLast().last?.hasPrefix("Next: ") == true, "the last line tells what to do: \(error)",
            sourceLocation: location)
        for part in parts { #expect(error.contains(part), "\(part) in: \(error)", sourceLocation: location) }
        if let next { #expect(lines.dropLast().last.map(String.init) == "Next: " + next, "\(error)", sourceLocation: location) }
        let plain = errorBytes.allSatisfy { $0 == 10 || ($0 >= 0x20 && $0 != 0x7F) }
        #expect(plain, "control characters reach the terminal", sourceLocation: location)
        #expect(error.utf8.count < 4000, "an error is a few lines", sourceLocation: location)
    }

    func expectSuccess(location: SourceLocation = #_sourceLocation) {
        #expect(exitCode == 0, "\(self)", sourceLocation: location)
    }
}

extension Sandboxed {
    /// Every path of the project and the home with its kind, size and text of links: equal before and after what changes nothing.
    func snapshot() throws -> [String] {
        var result: [String] = []
        func visit(_ directory: String) throws {
            for (name, kind) in try FileSystem.entries(directory).sorted(by: { $0.name < $1.name }) {
                let path = FileSystem.join(directory, name)
                let status = try FileSystem.status(path, followLinks: false)
                var line = "\(path.printable) \(kind.map { "\($0)" } ?? "?") \(status.map { "\($0.st_mode) \($0.st_uid)" } ?? "")"
                if kind == .file { line += " \(status?.st_size ?? -1) \(status?.st_mtim.tv_sec ?? 0).\(status?.st_mtim.tv_nsec ?? 0)" }
                if kind == .symlink { line += " \(FileSystem.readLink(path) ?? "")" }
                result.append(line)
                if kind == .directory { try visit(path) }
            }
        }
        try visit(project)
        try visit(home)
        return result
    }

    /// The explanation of a command.
    func explain(_ options: [String] = [], _ command: [String] = ["true"], environment: [String: String] = [:]) throws -> Explained {
        let outcome = try coop(["explain", "--json"] + options + ["--"] + command, environment: environment)
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        return try outcome.json()
    }

    /// Writes the user's own configuration.
    func writeUserConfiguration(_ text: String) throws {
        let path = coopHome + "/config.toml"
        try FileSystem.replace(path, with: text.utf8, mode: 0o600)
        try give(path)
    }
}
