import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox
import Vault

/// Puts the command's environment together. Later sources win: the host's allowed variables, the configuration,
/// what coop itself sets, environments that are kept, grants, environment files, and `-e`.
struct EnvironmentBuilder {
    let context: Context
    let configuration: ResolvedConfiguration
    let options: RunOptions
    let grants: SandboxGrants?

    func build(
        path: String, user: User, home: String, workingDirectory: String, id: String, network: Network, worktree: WorktreePlace?,
        task: String? = nil
    ) throws(CoopError) -> [EnvironmentVariable] {
        var result: [String: EnvironmentVariable] = [:]
        func set(_ name: String, _ value: String, _ origin: String) {
            result[name] = EnvironmentVariable(name: name, value: value, origin: origin)
        }
        let sandbox = configuration.effective.sandbox
        let policy = EnvironmentPolicy(allow: sandbox.envAllow.map(\.value), block: sandbox.envBlock.map(\.value))
        for (name, value) in EnvironmentBuilder.host() where policy.verdict(for: name).passes { set(name, value, "host") }
        set("PATH", path, "coop")
        set("HOME", home, "coop")
        set("USER", user.name, "coop")
        set("LOGNAME", user.name, "coop")
        set("SHELL", user.shell, "coop")
        set("TMPDIR", "/tmp", "coop")
        set("PWD", workingDirectory, "coop")
        set("COOP_SESSION", id, "coop")
        if let task { set("COOP_TASK", task, "coop") }
        if let worktree {
            set("COOP_WORKTREE", worktree.label, "coop")
            set("COOP_PORT_OFFSET", String(worktree.portOffset), "coop")
        }
        if !options.inputFile.isEmpty { set("COOP_INPUTS", InputFiles.directory, "coop") }
        for variable in network.proxyEnvironment { set(variable.name, variable.value, variable.origin) }
        for (name, setting) in sandbox.env { set(name, setting.value, setting.origin.description) }
        try bundles(sandbox.envBundles, set)
        for variable in grants?.variables ?? [] { set(variable.name, variable.value, variable.origin) }
        let granted = result.filter { $0.value.origin.hasPrefix("grant ") }
        for file in options.envFile {
            let path = FileSystem.normalize(FileSystem.join(context.currentDirectory, file))
            for entry in try EnvironmentFile.read(path, shown: file) { set(entry.name, entry.value, "\(file):\(entry.line)") }
        }
        for text in options.env {
            let (name, value) = try EnvironmentBuilder.parse(text)
            if let value {
                set(name, value, "-e")
            } else if let value = environmentVariable(name) {
                set(name, value, "-e, from the host")
            } else {
                throw CoopError(.usage, "cannot pass on \(name)", "it is not set here", next: "coop run -e \(name)=VALUE -- …")
            }
        }
        for (name, variable) in result {
            if variable.origin != "coop", granted[name] != variable, let rule = policy.block.first(where: { Glob.matches($0, name) }) {
                guard variable.origin.hasPrefix("-e") else {
                    result[name] = nil
                    continue
                }
                throw CoopError(
                    .refused, "cannot set \(name)", "env_block holds \(rule.printable), and block wins over everything",
                    next: "coop config get sandbox.env_block")
            }
        }
        return result.values.sorted { $0.name < $1.name }
    }

    /// The environments that are asked for: the nearest layer's last, so that its values hold, and within a layer in the order given.
    private func bundles(_ settings: [Setting<String>], _ set: (String, String, String) -> Void) throws(CoopError) {
        let ordered = settings.enumerated().sorted {
            $0.element.origin.layer == $1.element.origin.layer
                ? $0.offset < $1.offset : $1.element.origin.layer < $0.element.origin.layer
        }
        if ordered.isEmpty { return }
        let store = try context.bundles()
        for (_, setting) in ordered {
            let name = try BundleName(setting.value)
            guard let found = try store.find(name) else {
                throw CoopError(
                    .notFound, "there is no environment `\(name)`", "\(setting.origin) asks for it", next: "coop env load \(name) FILE")
            }
            let shown = "environment \(name)"
            for entry in try EnvironmentFile.parse(found.text, shown: shown) {
                set(entry.name, entry.value, "\(shown) (\(found.record.scope.rawValue))")
            }
        }
    }

    /// `NAME=VALUE` or `NAME`.
    private static func parse(_ text: String) throws(CoopError) -> (name: String, value: String?) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard EnvironmentFile.isName(name) else {
            throw CoopError(
                .usage, "cannot set the variable `\(name.printable)`", "a name is letters, digits and `_`, not beginning with a digit",
                next: "coop run -e NAME=VALUE -- …")
        }
        return (name, parts.count > 1 ? String(parts[1]) : nil)
    }

    /// The environment coop was started with.
    static func host() -> [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        var entry = environ
        while let text = entry.pointee {
            let line = String(osBytes: UnsafePointer(text))
            if let equals = line.firstIndex(of: "=") {
                result.append((String(line[..<equals]), String(line[line.index(after: equals)...])))
            }
            entry += 1
        }
        return result
    }
}
