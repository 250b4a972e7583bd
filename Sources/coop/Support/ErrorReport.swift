import ArgumentParser
import CoopErrors
import FoundationEssentials
import Glibc
import LinuxKernel

/// A command has ended with a code of its own, which coop passes on.
struct ProcessResult: Error {
    var code: Int32
}

/// Prints an error and ends the program with the code that fits the command and the error.
struct ErrorReport {
    /// The words after `coop`, to know which command it was before it could be parsed.
    let arguments: [String]

    /// Exit codes of `run`, `exec` and `shell` belong to the command inside; coop's own stay clear of them.
    private var passesCodesOn: Bool { ["run", "exec", "shell", "supervise"].contains(arguments.first { !$0.hasPrefix("-") } ?? "") }

    private var wantsJSON: Bool {
        // Only coop's own options: what follows the command's name belongs to the command.
        let own = arguments.prefix { $0 != "--" }
        return own.contains("--json") && !passesCodesOn
    }

    func exit(with error: any Error) -> Never {
        switch error {
        case let result as ProcessResult: Glibc.exit(result.code)
        case let error as CoopError: fail(error)
        case let error as SystemError:
            fail(CoopError(.failed, error.call, error.description, next: "coop doctor"))
        default: exitAfterParsing(error)
        }
    }

    /// Help, version and mistakes in the command line come from the argument parser.
    private func exitAfterParsing(_ error: any Error) -> Never {
        let code = Coop.exitCode(for: error)
        let text = Coop.fullMessage(for: error)
        if code == .success {
            print(text)
            Glibc.exit(0)
        }
        if error is CleanExit || error is ExitCode { Glibc.exit(code.rawValue) }
        var message = Coop.message(for: error).split(separator: "\n", omittingEmptySubsequences: true).map(String.init).joined(
            separator: "; ")
        let (names, known) = commandPath
        let words = names.joined(separator: " ")
        // The parser knows no command where it expects one, and says that of an argument.
        if !known.isEmpty, let word = arguments.dropFirst(names.count).first, !word.hasPrefix("-"), word != "help" {
            let near = NearestName.find(word, among: known).map { "; did you mean `\($0)`?" } ?? ""
            message = "there is no command `\(word.printable)`\(near)"
        }
        fail(
            CoopError(
                .usage, "cannot understand the command line", message, next: "coop \(words.isEmpty ? "" : words.printable + " ")--help"))
    }

    /// The command that was meant, as far as its words are commands of coop, and the commands that it has.
    private var commandPath: (names: [String], subcommands: [String]) {
        var command: any ParsableCommand.Type = Coop.self
        var names: [String] = []
        var known = ErrorReport.subcommands(of: command.configuration)
        for word in arguments {
            guard let next = known.first(where: { $0.configuration.commandName == word }) else { break }
            names.append(word)
            command = next
            known = ErrorReport.subcommands(of: command.configuration)
        }
        return (names, known.compactMap { $0.configuration.commandName })
    }

    private static func subcommands(of configuration: CommandConfiguration) -> [any ParsableCommand.Type] {
        configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
    }

    private func fail(_ error: CoopError) -> Never {
        // Every error ends with what to do; where nothing better is known, a look at the whole host is.
        var error = error
        error.next = error.next ?? "coop doctor"
        if wantsJSON {
            struct Report: Encodable {
                struct Body: Encodable {
                    var code: String
                    var message: String
                    var next: String?
                }
                var version = 1
                var error: Body
            }
            let report = Report(error: .init(code: error.code.rawValue, message: error.message, next: error.next))
            // Text is always encodable; if it were not, the plain form below still tells the story.
            if let text = try? JSONText.encode(report) { print(text) }
        }
        var text = "coop: \(error.message.printableLines)\n"
        if let next = error.next { text += "Next: \(next.printableLines)\n" }
        FileHandleOutput.standardError(text)
        Glibc.exit(code(for: error))
    }

    private func code(for error: CoopError) -> Int32 {
        if passesCodesOn {
            switch error.code {
            case .refused: return 126
            case .notFound where error.what.hasPrefix("cannot run "): return 127
            default: return 125
            }
        }
        switch error.code {
        case .failed, .notFound: return 1
        case .usage: return 2
        case .configuration: return 3
        case .notReady: return 4
        case .refused: return 126
        }
    }
}

extension String {
    /// Safe for a terminal, with the line breaks that coop itself put in.
    var printableLines: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }.joined(separator: "\n")
    }
}

/// Writing to the standard streams without buffering surprises.
enum FileHandleOutput {
    static func standardError(_ text: String) { write(text, to: 2) }

    static func standardOutput(_ text: String) { write(text, to: 1) }

    private static func write(_ text: String, to number: Int32) {
        fflush(nil)
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if count < 0 {
                if errno == EINTR { continue }
                // The reader is gone (`coop ps | head -1`); there is nobody left to tell.
                return
            }
            done += count
        }
    }
}

/// JSON as coop prints it: `version` first, then sorted keys; slashes as they are.
enum JSONText {
    static func encode(_ value: some Encodable, pretty: Bool = true) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(value), as: UTF8.self)
        return pretty ? versionFirst(text) : text
    }

    /// Moves the report's own `version` to the front: whoever reads the beginning knows what the rest means. The encoder can only sort.
    private static func versionFirst(_ text: String) -> String {
        // A line break inside of a string is escaped, so a line with two spaces and a quote begins a member of the report itself.
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let place = lines.firstIndex(where: { $0.hasPrefix("  \"version\" : ") }), place > 1 else { return text }
        var version = lines.remove(at: place)
        if !version.hasSuffix(",") {
            // It was the last one.
            version += ","
            lines[place - 1].removeLast()
        }
        lines.insert(version, at: 1)
        return lines.joined(separator: "\n")
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
