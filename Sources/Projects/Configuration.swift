/// What a sandbox is made of.
public enum EngineChoice: String, Sendable, CaseIterable { case native, container, microvm, kubernetes, auto }

/// What can be reached, strictest first.
public enum NetworkMode: String, Sendable, CaseIterable { case none, scoped, open }

/// What a session can do that the user is told of.
public enum NotifiedState: String, Sendable, CaseIterable { case attention, idle, exited, failed }

/// How the project appears inside, strictest first.
public enum WorkspaceMode: String, Sendable, CaseIterable { case none, overlay, worktree, bind }

/// The configuration with a type for every key. Each value remembers where it came from; a list's elements each do.
public struct Configuration: Sendable, Equatable {
    /// At the raw value of each key.
    var settings: [Setting<ConfigurationValue>?]

    init() { settings = Array(repeating: nil, count: ConfigurationKey.allCases.count) }

    /// The value of a key, for code that treats all keys alike.
    public internal(set) subscript(key: ConfigurationKey) -> Setting<ConfigurationValue>? {
        get { settings[key.rawValue] }
        set { settings[key.rawValue] = newValue }
    }

    public var name: Setting<String>? { text(.name) }
    public var agent: Setting<String>? { text(.agent) }
    public var start: Setting<String>? { text(.start) }
    public var sandbox: Sandbox { Sandbox(configuration: self) }
    public var network: Network { Network(configuration: self) }
    public var hooks: Hooks { Hooks(configuration: self) }
    public var grants: [Setting<GrantSetting>] {
        items(.grants) { if case .grant(let grant) = $0.content { grant } else { nil } }
    }
    /// One for each pattern, in order of precedence.
    public var commands: [Setting<CommandSetting>] {
        items(.commands) { if case .command(let command) = $0.content { command } else { nil } }
    }
    /// `[ssh]`: the keys that may be used inside.
    public var sshKeys: [Setting<SSHKeySetting>] {
        items(.sshKeys) { if case .sshKey(let key) = $0.content { key } else { nil } }
    }
    public var notify: Notify { Notify(configuration: self) }
    public var services: [Setting<ServiceSetting>] {
        items(.services) { if case .service(let service) = $0.content { service } else { nil } }
    }

    /// `[sandbox]`.
    public struct Sandbox: Sendable {
        let configuration: Configuration
        public var engine: Setting<EngineChoice>? { configuration.choice(.engine) }
        /// `host`, an OCI reference, or `flavor:NAME`.
        public var rootfs: Setting<String>? { configuration.text(.rootfs) }
        public var workspace: Setting<WorkspaceMode>? { configuration.choice(.workspace) }
        public var mounts: [Setting<MountSetting>] {
            configuration.items(.mounts) { if case .mount(let mount) = $0.content { mount } else { nil } }
        }
        public var excludes: [Setting<String>] { configuration.texts(.excludes) }
        public var caches: [Setting<String>] { configuration.texts(.caches) }
        /// Names and values.
        public var env: [(name: String, value: Setting<String>)] { configuration.pairs(.env) }
        public var envAllow: [Setting<String>] { configuration.texts(.envAllow) }
        public var envBlock: [Setting<String>] { configuration.texts(.envBlock) }
        public var envBundles: [Setting<String>] { configuration.texts(.envBundles) }
        /// Bytes.
        public var memory: Setting<UInt64>? { configuration.size(.memory) }
        /// Cores.
        public var cpus: Setting<Double>? {
            configuration[.cpus].flatMap { if case .number(let number) = $0.value { Setting(number, $0.origin) } else { nil } }
        }
        public var pids: Setting<Int>? {
            configuration[.pids].flatMap { if case .integer(let number) = $0.value { Setting(number, $0.origin) } else { nil } }
        }
        /// Bytes.
        public var disk: Setting<UInt64>? { configuration.size(.disk) }
        public var timeout: Setting<Duration>? {
            configuration[.timeout].flatMap { if case .duration(let time) = $0.value { Setting(time, $0.origin) } else { nil } }
        }
        public var allowSyscalls: [Setting<String>] { configuration.texts(.allowSyscalls) }
        public var protect: [Setting<String>] { configuration.texts(.protect) }
        public var forward: [Setting<ForwardChoice>] {
            configuration.texts(.forward).compactMap { text in
                ForwardChoice(rawValue: text.value).map { Setting($0, text.origin) }
            }
        }
    }

    /// `[network]`.
    public struct Network: Sendable {
        let configuration: Configuration
        public var mode: Setting<NetworkMode>? { configuration.choice(.networkMode) }
        public var bundles: [Setting<String>] { configuration.texts(.bundles) }
        public var allow: [Setting<String>] { configuration.texts(.allow) }
        public var deny: [Setting<String>] { configuration.texts(.deny) }
        public var hostPorts: [Setting<Int>] {
            configuration.items(.hostPorts) { if case .port(let port) = $0.content { port } else { nil } }
        }
        public var ca: [Setting<String>] { configuration.texts(.ca) }
        public var proxy: Setting<String>? { configuration.text(.proxy) }
        /// Host names, and HOST:PORT for each. A repository's entry never applies to a destination that has a grant.
        public var hosts: [(name: String, value: Setting<String>)] { configuration.pairs(.hosts) }
        /// In order of precedence: the user's before the repository's.
        public var rules: [Setting<NetworkRuleSetting>] {
            configuration.items(.rules) { if case .rule(let rule) = $0.content { rule } else { nil } }
        }
    }

    /// `[hooks]`.
    public struct Hooks: Sendable {
        let configuration: Configuration
        public var prepare: Setting<String>? { configuration.text(.prepare) }
        /// Paths relative to the project's root; nil for the lock files that are known.
        public var inputs: [Setting<String>]? { configuration[.hookInputs] == nil ? nil : configuration.texts(.hookInputs) }
    }

    /// `[notify]`: never a repository's.
    public struct Notify: Sendable {
        let configuration: Configuration
        /// What a session does when the user is told.
        public var states: [NotifiedState] {
            guard configuration[.notifyOn] != nil else { return [.attention, .exited, .failed] }
            return configuration.texts(.notifyOn).compactMap { NotifiedState(rawValue: $0.value) }
        }
        public var desktop: Bool { configuration.text(.notifyDesktop)?.value == "true" }
        /// A command for sh(1).
        public var command: Setting<String>? { configuration.text(.notifyCommand) }
        /// The address of a server.
        public var webhook: Setting<String>? { configuration.text(.notifyWebhook) }
    }

    // MARK: Typed access

    private func text(_ key: ConfigurationKey) -> Setting<String>? {
        self[key].flatMap { if case .text(let text) = $0.value { Setting(text, $0.origin) } else { nil } }
    }

    private func choice<Choice: RawRepresentable<String> & Sendable & Equatable>(_ key: ConfigurationKey) -> Setting<Choice>? {
        text(key).flatMap { setting in Choice(rawValue: setting.value).map { Setting($0, setting.origin) } }
    }

    private func size(_ key: ConfigurationKey) -> Setting<UInt64>? {
        self[key].flatMap { if case .size(let size) = $0.value { Setting(size, $0.origin) } else { nil } }
    }

    private func items<Value>(_ key: ConfigurationKey, _ read: (ConfigurationItem) -> Value?) -> [Setting<Value>] {
        (self[key]?.value.items ?? []).compactMap { item in read(item).map { Setting($0, item.origin) } }
    }

    private func texts(_ key: ConfigurationKey) -> [Setting<String>] {
        items(key) { if case .text(let text) = $0.content { text } else { nil } }
    }

    private func pairs(_ key: ConfigurationKey) -> [(name: String, value: Setting<String>)] {
        (self[key]?.value.items ?? []).compactMap { item in
            if case .pair(let value) = item.content { (item.name, Setting(value, item.origin)) } else { nil }
        }
    }
}
