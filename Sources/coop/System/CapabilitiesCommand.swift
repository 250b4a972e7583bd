import ArgumentParser
import LinuxKernel
import NativeEngine
import Projects
import Sandbox
import Seccomp
import WardenProtocol

struct CapabilitiesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capabilities", abstract: "Print what this build and this host can do, as JSON, for programs that drive coop.",
        discussion: """
            Example:
              coop capabilities | python3 -m json.tool
            """)

    private struct Report: Encodable {
        struct Engine: Encodable {
            var name: String
            var available: Bool
            var detail: String
        }
        var version = 1
        var coop: String
        var engines: [Engine]
        var networks: [String]
        var workspaces: [String]
        var layers: [String]
        var optionalLayers: [String]
        var syscallGroups: [String]
        var configurationKeys: [String]
        var exitCodes: [String: Int]
        var landlock: Int
        var subordinateIDs: Bool
    }

    @Flag(help: "Print JSON (always the case).") var json = false

    func run() throws {
        let facts = try HostFacts.probe()
        let usable = facts.namespaces.contains("user") && facts.seccompFilter
        print(
            try JSONText.encode(
                Report(
                    coop: Version.text,
                    engines: [.init(name: "native", available: usable, detail: "Linux \(facts.kernel); `coop doctor` proves each layer")],
                    networks: Network.Mode.allCases.filter { $0 == .none || facts.netfilter }.map(\.rawValue),
                    workspaces: Workspace.Mode.allCases.map(\.rawValue),
                    layers: Layer.allCases.map(\.rawValue), optionalLayers: Layer.allCases.filter(\.isOptional).map(\.rawValue),
                    syscallGroups: SyscallGroup.allCases.map(\.rawValue), configurationKeys: ConfigurationKey.allCases.map(\.path),
                    exitCodes: ["timeout": 124, "failed": 125, "refused": 126, "notFound": 127, "signal": 128],
                    landlock: facts.landlock, subordinateIDs: facts.users.separatesWarden)))
    }
}
