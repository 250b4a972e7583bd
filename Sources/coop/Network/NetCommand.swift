import ArgumentParser
import CoopErrors
import LinuxKernel
import Policy

struct NetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "net", abstract: "Show how the network of live sandboxes stands, and what of it can be named.",
        discussion: """
            Examples:
              coop net status
              coop net bundles
              coop net bundles npm
            """,
        subcommands: [NetStatus.self, NetBundles.self])
}

struct NetBundles: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundles", abstract: "List the named sets of hosts, or show one.",
        discussion: """
            Examples:
              coop net bundles
              coop net bundles npm
            """)

    @Flag(help: "Print JSON.") var json = false

    @Argument(help: ArgumentHelp("The bundle to show.", valueName: "NAME")) var name: String?

    private struct Listing: Encodable {
        struct Bundle: Encodable {
            var name: String
            var rules: [String]
        }

        var version = 1
        var bundles: [Bundle]
    }

    func run() throws {
        let bundles = try (name.map { [$0] } ?? NetworkBundle.names).map { try NetworkBundle(named: $0) }
        if json {
            print(try JSONText.encode(Listing(bundles: bundles.map { .init(name: $0.name, rules: $0.rules.map(\.description)) })))
        } else if let name {
            FileHandleOutput.standardOutput(NetworkBundle.text(named: name) ?? "")
        } else {
            FileHandleOutput.standardOutput(
                Table.text(
                    [["NAME", "HOSTS"]] + bundles.map { [$0.name, Set($0.rules.map { "\($0.host)" }).sorted().joined(separator: " ")] }))
        }
    }
}
