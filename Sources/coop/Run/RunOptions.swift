import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox
import Vault

/// What `run`, `shell` and `explain` were asked for beside the command.
struct RunOptions {
    var mount: [String] = []
    var env: [String] = []
    var envFile: [String] = []
    var envBundle: [String] = []
    var envAllow: [String] = []
    var envBlock: [String] = []
    var network: String?
    var allow: [String] = []
    var deny: [String] = []
    var ask = false
    var engine: String?
    var workspace: String?
    var task: String?
    /// What a new task is made from.
    var base: String?
    var workdir: String?
    var memory: String?
    var cpus: String?
    var pids: String?
    var disk: String?
    var timeout: String?
    var name: String?
    var label: String?
    var forward: [String] = []
    var seccomp: String?
    var allowSyscalls: [String] = []
    var degraded: [String] = []
    var ephemeral = false
    var keep = false
    var detach = false
    var tty: Bool?
    var noInput = false
    /// What is shared, can be reached and is withheld is said at length.
    var verbose = false
    var noHooks = false
    /// Run the hook although nothing that it reads has changed.
    var rerunHooks = false
    /// An agent asks before each step.
    var safe = false
    var prompt: String?
    var promptFile: String?
    var inputFile: [String] = []
    var profile: String?

    /// The login that is asked for.
    func profileName() throws(CoopError) -> ProfileName? {
        guard let profile else { return nil }
        return try ProfileName(profile)
    }

    /// The options that are also keys of the configuration.
    var flags: [ConfigurationFlag] {
        var result: [ConfigurationFlag] = []
        func add(_ key: ConfigurationKey, _ option: String, _ values: [String]) {
            if !values.isEmpty { result.append(ConfigurationFlag(key, option: option, values: values)) }
        }
        add(.mounts, "--mount", mount)
        add(.envBundles, "--env-bundle", envBundle)
        add(.envAllow, "--env-allow", envAllow)
        add(.envBlock, "--env-block", envBlock)
        add(.networkMode, "--network", network.map { [$0] } ?? [])
        add(.allow, "--allow", allow)
        add(.deny, "--deny", deny)
        add(.forward, "--forward", forward.flatMap { $0.split(separator: ",").map(String.init) })
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

    /// The task for the agent; nil when none is given.
    func promptText() throws(CoopError) -> String? {
        switch (prompt, promptFile) {
        case (nil, nil): return nil
        case (let text?, nil): return text
        case (nil, let path?):
            do {
                let bytes = path == "-" ? try Descriptor(owning: dup(0)).readAll(limit: 1 << 20) : try FileSystem.read(path, limit: 1 << 20)
                guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
                    throw CoopError(
                        .usage, "cannot use \(path.printable) as a prompt", "it is not text in UTF-8", next: "file \(path.printable)")
                }
                return text
            } catch let error as SystemError {
                throw CoopError(.notFound, "cannot read the prompt", "\(error)", next: "ls -l \(path.shellQuoted)")
            } catch let error as CoopError { throw error } catch {
                throw CoopError(.failed, "cannot read the prompt", "\(error)", next: "ls -l \(path.printable)")
            }
        case (_?, _?):
            throw CoopError(.usage, "cannot use both --prompt and --prompt-file", "each gives the whole task", next: "coop run --help")
        }
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
