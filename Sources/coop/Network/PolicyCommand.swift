import ArgumentParser
import CoopErrors
import Egress
import LinuxKernel
import Policy
import Sandbox

struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Show, check and try the rules that decide what leaves.",
        discussion: """
            Examples:
              coop policy show
              coop policy check
              coop policy test https://api.example.com/v1/items --method POST
            """,
        subcommands: [PolicyShow.self, PolicyCheck.self, PolicyTest.self])
}

/// The policy of this directory's project with the given options.
private struct ProjectPolicy {
    let network: Network

    init(_ options: RunOptions) throws {
        let context = try Context()
        let project = try context.project(for: options)
        let configuration = try context.configuration(of: project, flags: options.flags)
        var network = try NetworkSettings(context: context, project: project, configuration: configuration.effective).network()
        network.policy.asks = options.ask
        self.network = network
    }

    func compiled() throws(CoopError) -> CompiledNetworkPolicy {
        try CompiledNetworkPolicy(network.policy, addressGuard: AddressGuard(own: HostAddresses.own()))
    }
}

struct PolicyShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print every rule in force, in order, with its origin.",
        discussion: """
            Examples:
              coop policy show
              coop policy show --allow api.example.com --json
            """)

    @OptionGroup var arguments: RunArguments
    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        var version = 1
        var network: Network
    }

    func run() throws {
        let network = try ProjectPolicy(arguments.options).network
        if json { return print(try JSONText.encode(Listing(network: network))) }
        var rows = [["RULE", "ORIGIN"]] + network.policy.rules.map { [$0.description.printable, $0.origin.printable] }
        rows += network.policy.hosts.map { ["host \($0)".printable, $0.origin.printable] }
        rows += network.hostPorts.map { ["host port \($0)", "network.host_ports"] }
        FileHandleOutput.standardOutput("network \(network.mode.rawValue)\n" + (rows.count > 1 ? Table.text(rows) : ""))
    }
}

struct PolicyCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say whether the rules can be read and used.",
        discussion: """
            Examples:
              coop policy check
            """)

    @OptionGroup var arguments: RunArguments
    @Flag(help: "Print JSON.") var json = false

    private struct Result: Encodable {
        var version = 1
        var mode: String
        var rules: Int
    }

    func run() throws {
        let policy = try ProjectPolicy(arguments.options)
        _ = try policy.compiled()
        let count = policy.network.policy.rules.count
        if json { return print(try JSONText.encode(Result(mode: policy.network.mode.rawValue, rules: count))) }
        print("The policy is in order: network \(policy.network.mode.rawValue), \(count) \(count == 1 ? "rule" : "rules").")
    }
}

struct PolicyTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Say what would happen to one request. Exit code 0 when it would go, 1 when not.",
        discussion: """
            Examples:
              coop policy test https://api.example.com/v1/items
              coop policy test https://api.example.com/v1/items --method POST --json
            """)

    @OptionGroup var arguments: RunArguments
    @Option(help: ArgumentHelp("The request's method.", valueName: "METHOD")) var method = "GET"
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("The request's address, or a host.", valueName: "URL")) var url: String

    private struct Result: Encodable {
        var version = 1
        var action: String
        var rule: String
        var reason: String
        var next: String
    }

    func run() throws {
        let policy = try ProjectPolicy(arguments.options).compiled()
        let target = try RequestTarget(url)
        let found = try PolicyExplanation(
            host: target.host, port: target.port, request: target.path.map { (method.uppercased(), $0) }, policy: policy)
        if json {
            print(try JSONText.encode(Result(action: found.action, rule: found.rule, reason: found.reason, next: found.next)))
        } else {
            print("\(found.action): \(found.reason.isEmpty ? found.rule.printable : found.reason.printable)")
            if !found.next.isEmpty { print("Next: \(found.next.printable)") }
        }
        if ["deny", "ask"].contains(found.action) { throw ExitCode(1) }
    }
}

/// Host, port and path of `https://host:port/path`, or of a host alone.
struct RequestTarget {
    let host: String
    let port: UInt16
    /// Nil when only a host was given.
    let path: String?

    init(_ text: String) throws(CoopError) {
        var rest = text[...]
        var port: UInt16 = 443
        if rest.hasPrefix("https://") {
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            rest = rest.dropFirst(7)
            port = 80
        }
        let scheme = rest.prefix { $0 != "/" }
        if scheme.hasSuffix(":"), rest[scheme.endIndex...].hasPrefix("//") {
            throw CoopError(
                .usage, "cannot test `\(text.printable)`", "`\(String(scheme.dropLast()).printable)` is neither http nor https",
                next: "coop policy test https://HOST/PATH")
        }
        try self.init(rest, port: port, text: text)
    }

    private init(_ rest: Substring, port: UInt16, text: String) throws(CoopError) {
        var port = port
        let slash = rest.firstIndex(of: "/")
        path = slash.map { String(rest[$0...]) }
        var authority = slash.map { rest[..<$0] } ?? rest
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else {
                throw CoopError(.usage, "`\(text.printable)` has no valid port", "it is from 1 to 65535", next: "coop policy test --help")
            }
            port = number
            authority = authority[..<colon]
        }
        host = String(authority)
        self.port = port
    }
}
