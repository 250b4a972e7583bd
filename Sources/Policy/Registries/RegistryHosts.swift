import LinuxKernel
import TOML

/// The hosts that the user's own configuration of pip, uv, apt, npm, cargo and go names, so that bundles follow mirrors.
///
/// Values of credentials are dropped while reading: what is kept of a URL is its host and port.
public struct RegistryHosts: Sendable, Hashable {
    /// Places to fetch packages from.
    public private(set) var endpoints: [RegistryEndpoint] = []
    /// Proxies that the tools would go through. They are not to be allowed as hosts, because through them every host could be
    /// reached; they are candidates for `network.proxy`.
    public private(set) var proxies: [RegistryEndpoint] = []
    /// Files that could not be read or understood, with the reason; their hosts are missing.
    public private(set) var problems: [String] = []

    private static let sizeLimit = 1 << 20

    public init() {}

    /// Reads the configuration files and variables.
    ///
    /// - Parameters:
    ///   - variables: the environment.
    ///   - home: the user's home directory.
    ///   - project: the root of the project, whose own `.npmrc`, `uv.toml` and `.cargo/config.toml` are read too and marked as the
    ///     repository's; nil leaves them out.
    ///   - root: where `/etc` is looked for.
    ///   - bundles: whose hosts will be asked for; nil for all. What other tools' files say is not read.
    public init(variables: [String: String], home: String, project: String? = nil, root: String = "/", bundles: [String]? = nil) {
        func isAsked(_ tool: RegistryEndpoint.Tool) -> Bool { bundles.map { $0.contains { tool.bundles.contains($0) } } ?? true }
        if isAsked(.pip) { readPip(variables, home, project, root) }
        if isAsked(.apt) { readApt(root) }
        if isAsked(.npm) { readNpm(variables, home, project, root) }
        if isAsked(.cargo) { readCargo(variables, home, project) }
        if isAsked(.go) { readGo(variables, home) }
    }

    /// The hosts that belong to a bundle; the repository's own are left out unless they have been approved.
    public func endpoints(ofBundle name: String, withRepository: Bool = false) -> [RegistryEndpoint] {
        endpoints.filter { $0.tool.bundles.contains(name) && (withRepository || !$0.isFromRepository) }
    }

    // MARK: The files of each tool

    private mutating func readPip(_ variables: [String: String], _ home: String, _ project: String?, _ root: String) {
        var files = [FileSystem.join(root, "etc/pip.conf"), FileSystem.join(root, "etc/xdg/pip/pip.conf")]
        let configuration = variables["XDG_CONFIG_HOME"] ?? FileSystem.join(home, ".config")
        files += [FileSystem.join(home, ".pip/pip.conf"), FileSystem.join(configuration, "pip/pip.conf")]
        if let environment = variables["VIRTUAL_ENV"] { files.append(FileSystem.join(environment, "pip.conf")) }
        if let file = variables["PIP_CONFIG_FILE"] {
            // pip's documentation: os.devnull means that no file is read at all.
            files = file == "/dev/null" ? [] : files + [file]
        }
        for file in files { add(file, .pip, home) { PipSettings.parse($0) } }
        for name in PipSettings.variables { variables[name].map { add(PipSettings.parse(variable: name, $0), .pip, name) } }
        for file in [FileSystem.join(root, "etc/uv/uv.toml"), FileSystem.join(configuration, "uv/uv.toml")] {
            addTOML(file, .pip, home) { PipSettings.parse(uv: $0) }
        }
        if let file = variables["UV_CONFIG_FILE"] { addTOML(file, .pip, home) { PipSettings.parse(uv: $0) } }
        if let project {
            addTOML(FileSystem.join(project, "uv.toml"), .pip, home, isFromRepository: true) { PipSettings.parse(uv: $0) }
        }
    }

    private mutating func readApt(_ root: String) {
        let directory = FileSystem.join(root, "etc/apt")
        add(FileSystem.join(directory, "sources.list"), .apt, "") { AptSettings.parse(list: $0) }
        let parts = FileSystem.join(directory, "sources.list.d")
        for name in files(in: parts) {
            if name.hasSuffix(".list") { add(FileSystem.join(parts, name), .apt, "") { AptSettings.parse(list: $0) } }
            if name.hasSuffix(".sources") { add(FileSystem.join(parts, name), .apt, "") { AptSettings.parse(sources: $0) } }
        }
        add(FileSystem.join(directory, "apt.conf"), .apt, "") { AptSettings.parse(configuration: $0) }
        let configuration = FileSystem.join(directory, "apt.conf.d")
        // apt.conf(5): files without an extension, or with .conf.
        for name in files(in: configuration) where !name.contains(".") || name.hasSuffix(".conf") {
            add(FileSystem.join(configuration, name), .apt, "") { AptSettings.parse(configuration: $0) }
        }
    }

    private mutating func readNpm(_ variables: [String: String], _ home: String, _ project: String?, _ root: String) {
        let parse = { (text: String) in NpmSettings.parse(text) { variables[$0] } }
        let named = { (name: String) in variables["npm_config_\(name)"] ?? variables["NPM_CONFIG_\(name.uppercased())"] }
        let global = [named("globalconfig"), FileSystem.join(root, "etc/npmrc"), FileSystem.join(root, "usr/local/etc/npmrc")]
        for file in global.compactMap({ $0 }) + [named("userconfig") ?? FileSystem.join(home, ".npmrc")] {
            add(file, .npm, home, parse: parse)
        }
        if let project { add(FileSystem.join(project, ".npmrc"), .npm, home, isFromRepository: true, parse: parse) }
        for (name, value) in variables.sorted(by: { $0.key < $1.key }) { add(NpmSettings.parse(variable: name, value), .npm, name) }
    }

    private mutating func readCargo(_ variables: [String: String], _ home: String, _ project: String?) {
        let directory = variables["CARGO_HOME"] ?? FileSystem.join(home, ".cargo")
        for name in ["config", "config.toml"] {
            addTOML(FileSystem.join(directory, name), .cargo, home) { CargoSettings.parse($0) }
            guard let project else { continue }
            addTOML(FileSystem.join(project, ".cargo/" + name), .cargo, home, isFromRepository: true) { CargoSettings.parse($0) }
        }
        for (name, value) in variables.sorted(by: { $0.key < $1.key }) { add(CargoSettings.parse(variable: name, value), .cargo, name) }
    }

    private mutating func readGo(_ variables: [String: String], _ home: String) {
        let configuration = variables["XDG_CONFIG_HOME"] ?? FileSystem.join(home, ".config")
        let file = variables["GOENV"] ?? FileSystem.join(configuration, "go/env")
        if file != "off" { add(file, .go, home) { GoSettings.parse($0) } }
        for name in GoSettings.variables { variables[name].map { add(GoSettings.parse(variable: name, $0), .go, name) } }
    }

    // MARK: Reading

    private mutating func add(
        _ path: String, _ tool: RegistryEndpoint.Tool, _ home: String, isFromRepository: Bool = false, parse: (String) -> RegistrySettings
    ) {
        guard let text = read(path) else { return }
        add(parse(text), tool, RegistryHosts.shown(path, home), isFromRepository: isFromRepository)
    }

    private mutating func addTOML(
        _ path: String, _ tool: RegistryEndpoint.Tool, _ home: String, isFromRepository: Bool = false,
        parse: (TOMLTable) -> RegistrySettings
    ) {
        guard let text = read(path) else { return }
        do {
            let document = try TOMLDocument(parsing: Array(text.utf8), name: RegistryHosts.shown(path, home))
            add(parse(document.root), tool, document.name, isFromRepository: isFromRepository)
        } catch {
            problems.append(error.place + ": it is not TOML")
        }
    }

    private mutating func add(_ settings: RegistrySettings, _ tool: RegistryEndpoint.Tool, _ origin: String, isFromRepository: Bool = false)
    {
        let endpoint = { (url: RegistryURL) in
            RegistryEndpoint(tool: tool, host: url.host, port: url.port, origin: origin, isFromRepository: isFromRepository)
        }
        for one in settings.registries.map(endpoint) where !endpoints.contains(where: { RegistryHosts.isCovered(one, by: $0) }) {
            endpoints.append(one)
        }
        for one in settings.proxies.map(endpoint) where !proxies.contains(where: { RegistryHosts.isCovered(one, by: $0) }) {
            proxies.append(one)
        }
    }

    /// Whether another entry already says the same, and is at least as much the user's own.
    private static func isCovered(_ one: RegistryEndpoint, by other: RegistryEndpoint) -> Bool {
        other.tool == one.tool && other.host == one.host && other.port == one.port && (!other.isFromRepository || one.isFromRepository)
    }

    /// The text of a file; nil when there is none.
    private mutating func read(_ path: String) -> String? {
        guard FileSystem.kind(path) == .file else { return nil }
        do {
            return String(decoding: try FileSystem.read(path, limit: RegistryHosts.sizeLimit), as: UTF8.self)
        } catch {
            problems.append(error.description)
            return nil
        }
    }

    private func files(in directory: String) -> [String] { ((try? FileSystem.list(directory)) ?? []).sorted() }

    private static func shown(_ path: String, _ home: String) -> String {
        guard !home.isEmpty, let rest = FileSystem.relative(path, to: home) else { return path }
        return "~/" + rest
    }
}
