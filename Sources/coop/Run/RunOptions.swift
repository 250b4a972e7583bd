import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects
import Sandbox

/// The options that `run`, `shell` and `explain` share.
struct RunOptions: ParsableArguments {
    @Option(name: [.customShort("m"), .long], help: ArgumentHelp("Show a host path inside.", valueName: "HOST[:GUEST][:ro]"))
    var mount: [String] = []

    @Option(name: [.customShort("e"), .long], help: ArgumentHelp("Set a variable, or pass on the host's.", valueName: "KEY[=VALUE]"))
    var env: [String] = []

    @Option(help: ArgumentHelp("Read variables from a file of KEY=VALUE lines.", valueName: "PATH"))
    var envFile: [String] = []

    @Option(help: ArgumentHelp("Let variables of these names in (a glob).", valueName: "GLOB"))
    var envAllow: [String] = []

    @Option(help: ArgumentHelp("Keep variables of these names out; wins over everything.", valueName: "GLOB"))
    var envBlock: [String] = []

    @Option(help: ArgumentHelp("What can be reached: none.", valueName: "MODE"))
    var network: String?

    @Option(help: ArgumentHelp("The engine: native.", valueName: "ENGINE"))
    var engine: String?

    @Option(help: ArgumentHelp("How the project appears: bind or none.", valueName: "MODE"))
    var workspace: String?

    @Option(help: ArgumentHelp("The directory to start in.", valueName: "PATH"))
    var workdir: String?

    @Option(help: ArgumentHelp("Memory of the whole sandbox: 4G.", valueName: "SIZE"))
    var memory: String?

    @Option(help: ArgumentHelp("Processors, as a fraction: 1.5.", valueName: "COUNT"))
    var cpus: String?

    @Option(help: ArgumentHelp("Processes and threads.", valueName: "COUNT"))
    var pids: String?

    @Option(help: ArgumentHelp("Storage of the sandbox's own.", valueName: "SIZE"))
    var disk: String?

    @Option(help: ArgumentHelp("End the command after this time: 15m. Exit code 124.", valueName: "TIME"))
    var timeout: String?

    @Option(help: ArgumentHelp("A name for the sandbox.", valueName: "NAME"))
    var name: String?

    @Option(help: ArgumentHelp("A seccomp profile in OCI form, which can only narrow.", valueName: "FILE"))
    var seccomp: String?

    @Option(help: ArgumentHelp("Widen the system calls by a group: ptrace, nested-userns, …", valueName: "GROUP"))
    var allowSyscalls: [String] = []

    @Option(help: ArgumentHelp("Run although these layers are missing (comma-separated).", valueName: "LAYER"))
    var degraded: [String] = []

    @Flag(help: "A home directory in memory, gone afterwards.")
    var ephemeral = false

    @Flag(help: "Keep the sandbox when the command has ended, for `coop exec`, until `coop stop`.")
    var keep = false

    @Flag(name: [.customShort("t"), .long], inversion: .prefixedNo, help: "Give the command a terminal, or not.")
    var tty: Bool?

    @Flag(name: .long, help: "Never ask; refuse what would need an answer.")
    var noInput = false

    /// The options that are also keys of the configuration.
    var flags: [ConfigurationFlag] {
        var result: [ConfigurationFlag] = []
        func add(_ key: ConfigurationKey, _ option: String, _ values: [String]) {
            if !values.isEmpty { result.append(ConfigurationFlag(key, option: option, values: values)) }
        }
        add(.mounts, "--mount", mount)
        add(.envAllow, "--env-allow", envAllow)
        add(.envBlock, "--env-block", envBlock)
        add(.networkMode, "--network", network.map { [$0] } ?? [])
        add(.engine, "--engine", engine.map { [$0] } ?? [])
        add(.workspace, "--workspace", workspace.map { [$0] } ?? [])
        add(.memory, "--memory", memory.map { [$0] } ?? [])
        add(.cpus, "--cpus", cpus.map { [$0] } ?? [])
        add(.pids, "--pids", pids.map { [$0] } ?? [])
        add(.disk, "--disk", disk.map { [$0] } ?? [])
        add(.timeout, "--timeout", timeout.map { [$0] } ?? [])
        add(.allowSyscalls, "--allow-syscalls", allowSyscalls.flatMap { $0.split(separator: ",").map(String.init) })
        return result
    }

    /// The layers named in `--degraded`.
    func degradedLayers() throws(CoopError) -> [Layer] {
        var result: [Layer] = []
        for name in degraded.flatMap({ $0.split(separator: ",").map(String.init) }) {
            guard let layer = Layer(rawValue: name) else {
                let known = Layer.allCases.filter(\.isOptional).map(\.rawValue)
                let near = NearestName.find(name, among: known).map { "; did you mean `\($0)`?" } ?? ""
                throw CoopError(
                    .usage, "`\(name.printable)` is not a layer", "known are \(known.joined(separator: ", "))\(near)", next: "coop explain")
            }
            guard layer.isOptional else {
                throw CoopError(.usage, "the layer \(name) cannot be left out", "without it there is no sandbox", next: "coop doctor")
            }
            result.append(layer)
        }
        return result
    }
}

/// The words after coop's own options: a command and its arguments, untouched.
struct CommandWords {
    let words: [String]

    /// - Throws: `usage` when the first word is an option of no command: it was meant for coop.
    init(_ captured: [String], of type: any ParsableCommand.Type) throws {
        var words = captured
        // The parser gives everything after the first unknown word to the command, `--help` included.
        if let first = words.first, ["--help", "-h"].contains(first) { throw CleanExit.helpRequest(type) }
        let command = type.configuration.commandName ?? ""
        if words.first == "--" {
            words.removeFirst()
        } else if let first = words.first, first.hasPrefix("-"), first != "-" {
            let name = String(first.prefix { $0 != "=" })
            let near = NearestName.find(name, among: CommandWords.options).map { "; did you mean \($0)?" } ?? ""
            throw CoopError(
                .usage, "cannot understand the command line", "unknown option \(name.printable)\(near)", next: "coop \(command) --help")
        }
        self.words = words
    }

    private static let options = [
        "--mount", "--env", "--env-file", "--env-allow", "--env-block", "--network", "--engine", "--workspace", "--workdir", "--memory",
        "--cpus", "--pids", "--disk", "--timeout", "--name", "--seccomp", "--allow-syscalls", "--degraded", "--ephemeral", "--keep",
        "--tty", "--no-tty", "--json", "--no-input", "--help",
    ]
}
