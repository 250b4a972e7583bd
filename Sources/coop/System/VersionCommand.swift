import ArgumentParser
import Seccomp

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version.",
        discussion: """
            Example:
              coop version --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        var version = 1
        var coop: String
        var architecture: String
    }

    func run() throws {
        if json {
            print(try JSONText.encode(Report(coop: Version.text, architecture: Architecture.current.rawValue)))
        } else {
            print("coop \(Version.text)")
        }
    }
}
