import LinuxKernel

/// A tool that people install below their home. When PATH leads into it, its directories appear read-only at the same
/// path; the credential files that some keep beside them do not.
public struct Toolchain: Sendable {
    public var name: String
    /// A PATH entry below this directory of the home (or below the variable's value) needs the toolchain.
    public var root: String
    /// The variable that moves the root.
    public var variable: String?
    /// What appears inside, relative to the root; empty for the whole root.
    public var exposed: [String]

    public static let all = [
        Toolchain(name: "pyenv", root: ".pyenv", variable: "PYENV_ROOT", exposed: []),
        Toolchain(name: "nvm", root: ".nvm", variable: "NVM_DIR", exposed: []),
        Toolchain(name: "fnm", root: ".local/share/fnm", exposed: []),
        Toolchain(name: "volta", root: ".volta", variable: "VOLTA_HOME", exposed: []),
        // Beside them lies credentials.toml.
        Toolchain(name: "cargo", root: ".cargo", variable: "CARGO_HOME", exposed: ["bin"]),
        Toolchain(name: "rustup", root: ".rustup", variable: "RUSTUP_HOME", exposed: ["toolchains", "settings.toml"]),
        Toolchain(name: "go", root: "go", variable: "GOPATH", exposed: ["bin"]),
        Toolchain(name: "go-sdk", root: ".go", exposed: []),
        Toolchain(name: "rbenv", root: ".rbenv", variable: "RBENV_ROOT", exposed: []),
        Toolchain(name: "sdkman", root: ".sdkman", variable: "SDKMAN_DIR", exposed: ["candidates", "bin", "libexec", "src"]),
        Toolchain(name: "asdf", root: ".asdf", variable: "ASDF_DATA_DIR", exposed: []),
        Toolchain(name: "mise", root: ".local/share/mise", variable: "MISE_DATA_DIR", exposed: ["installs", "shims", "plugins"]),
        Toolchain(name: "pnpm", root: ".local/share/pnpm", variable: "PNPM_HOME", exposed: []),
        Toolchain(name: "bun", root: ".bun", variable: "BUN_INSTALL", exposed: ["bin", "install/global"]),
        Toolchain(name: "deno", root: ".deno", variable: "DENO_INSTALL", exposed: ["bin"]),
        Toolchain(name: "npm-global", root: ".npm-global", exposed: ["bin", "lib"]),
        Toolchain(name: "miniconda", root: "miniconda3", variable: "CONDA_PREFIX", exposed: []),
        Toolchain(
            name: "swiftly", root: ".local/share/swiftly", variable: "SWIFTLY_HOME_DIR", exposed: ["bin", "toolchains", "config.json"]),
        Toolchain(name: "dotnet", root: ".dotnet", variable: "DOTNET_ROOT", exposed: []),
        Toolchain(name: "local", root: ".local", exposed: ["bin", "lib", "share/uv/tools", "share/uv/python", "share/pipx", "pipx"]),
        Toolchain(name: "bin", root: "bin", exposed: []),
    ]

    /// A toolchain that another one's programs need.
    static let companions = ["cargo": ["rustup"], "pyenv": [], "local": []]

    init(name: String, root: String, variable: String? = nil, exposed: [String]) {
        self.name = name
        self.root = root
        self.variable = variable
        self.exposed = exposed
    }

    /// The read-only mounts that PATH needs, and the PATH without the entries that will not exist inside.
    ///
    /// - Parameters:
    ///   - path: the value of PATH.
    ///   - home: the user's home directory.
    ///   - isVisible: whether a directory exists inside anyway (below /usr, the workspace, another mount).
    public static func resolve(
        path: String, home: String, environment: (String) -> String?, isVisible: (String) -> Bool
    ) -> (mounts: [Mount], path: String, names: Set<String>) {
        var mounts: [Mount] = []
        var entries: [String] = []
        var names: Set<String> = []
        func expose(_ toolchain: Toolchain) {
            guard names.insert(toolchain.name).inserted else { return }
            let root = toolchain.location(home: home, environment: environment)
            let places = toolchain.exposed.isEmpty ? [root] : toolchain.exposed.map { FileSystem.join(root, $0) }
            for place in places {
                guard let source = FileSystem.realPath(place), let kind = FileSystem.kind(source), kind == .directory || kind == .file,
                    source != home, !FileSystem.contains(source, home), !isVisible(place)
                else { continue }
                mounts.append(
                    Mount(
                        source: source, target: FileSystem.normalize(place), readOnly: true, isDirectory: kind == .directory,
                        reason: toolchain.name))
            }
            for name in companions[toolchain.name] ?? [] {
                if let companion = all.first(where: { $0.name == name }) { expose(companion) }
            }
        }
        for entry in path.split(separator: ":").map(String.init) where entry.hasPrefix("/") {
            let entry = FileSystem.normalize(entry)
            if entries.contains(entry) { continue }
            if isVisible(entry) {
                entries.append(entry)
                continue
            }
            let match = all.first { toolchain in
                let root = toolchain.location(home: home, environment: environment)
                let places = toolchain.exposed.isEmpty ? [root] : toolchain.exposed.map { FileSystem.join(root, $0) }
                return places.contains { FileSystem.contains($0, entry) } && FileSystem.kind(entry) == .directory
            }
            if let match {
                expose(match)
                entries.append(entry)
            }
        }
        if entries.isEmpty { entries = ["/usr/local/bin", "/usr/bin", "/bin"] }
        return (mounts, entries.joined(separator: ":"), names)
    }

    private func location(home: String, environment: (String) -> String?) -> String {
        if let variable, let value = environment(variable), value.hasPrefix("/") { return FileSystem.normalize(value) }
        return FileSystem.join(home, root)
    }
}
