/// The one table that says what may be configured. Reading, checking, merging, approval, `config list` and the
/// documentation all follow it.
public enum ConfigurationSchema {
    /// The form of a value.
    public enum Form: Sendable, Equatable {
        case text(Text)
        /// Bytes: an integer, or text such as `4G`.
        case size
        /// Text such as `1h30m`.
        case duration
        /// A number greater than zero.
        case count(ClosedRange<Int>)
        case fraction
        case list(Text)
        case ports
        case mounts
        /// `true` or `false`, in a record.
        case flag
        /// A table of names the user chooses, with text as values.
        case map(names: Text, values: Text)
        /// An array of tables with the given fields.
        case records([Field])
        /// A table of names the user chooses, each a table with the given fields.
        case named([Field])
    }

    /// The rule that a piece of text must obey.
    public enum Text: Sendable, Equatable {
        case any, name, oneOf([String]), rootfs, engineGroup, variable, variablePattern, relativePath, path, hostPattern, hostName, hostPort
        case proxy, method, urlPath, secretSource, template, headerName, commandName, commandPattern, fingerprint
        case webhook
    }

    /// A key inside a record.
    public struct Field: Sendable, Equatable {
        public var name: String
        public var form: Form
        public var isRequired: Bool
        public var documentation: String

        init(_ name: String, _ form: Form, required: Bool = false, _ documentation: String) {
            self.name = name
            self.form = form
            isRequired = required
            self.documentation = documentation
        }
    }

    /// How the layers come together.
    public enum Merge: Sendable, Equatable {
        /// The nearest layer's value replaces the others.
        case nearest
        /// What the user says for this run; else the repository's value where it is as strict as the user's own or approved,
        /// in the given order, strictest first.
        case strictest([String])
        /// The smaller of the repository's and the user's configuration; what the user says for this run replaces both.
        case smallest
        /// All layers together, the nearest first.
        case unite
        /// All names together; for the same name the nearest layer's.
        case uniteNames
        /// The user's layers before the repository's, whichever is nearer.
        case userFirst
        /// As `userFirst`, name by name.
        case userFirstNames
    }

    /// Which values a repository may set only with the user's approval.
    public enum Approval: Sendable, Equatable {
        /// It can only narrow, or has effect only inside.
        case never
        /// Each thing that the user's own layers do not already say.
        case always
        /// A value less strict than the user's own, or than the default.
        case whenWider
        /// Decided item by item: what allows or asks does, what denies does not.
        case perItem
        /// A repository may not set it at all; one that does is wrong.
        case refused
    }

    /// A key.
    public struct Entry: Sendable {
        public var key: ConfigurationKey
        public var path: String
        public var form: Form
        public var merge: Merge
        public var approval: Approval
        /// Why it is merged and approved this way.
        public var reason: String
        /// The value when no layer sets one, nil when then nothing is set.
        public var standard: String?
        public var documentation: String
    }

    /// The key with the given dotted path.
    static let keys: [String: ConfigurationKey] = Dictionary(uniqueKeysWithValues: entries.map { ($0.path, $0.key) })
    /// The tables that only group keys.
    static let sections = ["sandbox", "network", "hooks", "ssh", "notify"]

    /// The entry of each key, at the key's raw value.
    public static let entries: [Entry] = topLevel + sandbox + network + records + notify

    static let engines = EngineChoice.allCases.map(\.rawValue)
    static let networkModes = NetworkMode.allCases.map(\.rawValue)
    static let workspaces = WorkspaceMode.allCases.map(\.rawValue)

    static let forwards = ForwardChoice.allCases.map(\.rawValue)

    private static let topLevel: [Entry] = [
        Entry(
            key: .name, path: "name", form: .text(.name), merge: .nearest, approval: .never,
            reason: "a name for people; the project's key is its path", documentation: "The project's name; required in coop.toml."),
        Entry(
            key: .agent, path: "agent", form: .text(.name), merge: .nearest, approval: .never,
            reason: "whatever it names runs inside", documentation: "The agent that a bare `coop run` starts."),
        Entry(
            key: .start, path: "start", form: .text(.any), merge: .nearest, approval: .never,
            reason: "it runs inside", documentation: "The command that a bare `coop run` starts when there is no agent."),
    ]

    private static let sandbox: [Entry] = [
        Entry(
            key: .engine, path: "sandbox.engine", form: .text(.oneOf(engines)), merge: .nearest, approval: .always,
            reason: "the engine is the wall itself, so a repository may not choose a thinner one", standard: "native",
            documentation: "What the sandbox is made of."),
        Entry(
            key: .rootfs, path: "sandbox.rootfs", form: .text(.rootfs), merge: .nearest, approval: .always,
            reason: "coop would fetch and unpack what the repository names", standard: "host",
            documentation: "The root file system: `host`, an OCI reference, or `flavor:NAME`."),
        Entry(
            key: .workspace, path: "sandbox.workspace", form: .text(.oneOf(workspaces)), merge: .strictest(workspaces),
            approval: .whenWider, reason: "the stricter the mode, the less the sandbox can change unseen", standard: "bind",
            documentation: "How the project appears inside: live, as a git worktree, as an overlay to review, or not at all."),
        Entry(
            key: .mounts, path: "sandbox.mounts", form: .mounts, merge: .unite, approval: .always,
            reason: "what is outside is not the repository's to give, and what is inside may be .git or an excluded path",
            documentation: "Further paths to mount: HOST[:GUEST][:ro|rw]."),
        Entry(
            key: .excludes, path: "sandbox.excludes", form: .list(.relativePath), merge: .unite, approval: .never,
            reason: "hiding can only narrow", documentation: "Paths of the project that are private and empty inside."),
        Entry(
            key: .caches, path: "sandbox.caches", form: .list(.name), merge: .unite, approval: .never,
            reason: "a cache belongs to one project and is written only inside", documentation: "Caches kept between runs."),
        Entry(
            key: .env, path: "sandbox.env", form: .map(names: .variable, values: .any), merge: .uniteNames, approval: .never,
            reason: "literal values with effect only inside", documentation: "Environment variables to set inside."),
        Entry(
            key: .envAllow, path: "sandbox.env_allow", form: .list(.variablePattern), merge: .unite, approval: .always,
            reason: "it lets values of the host's environment in",
            documentation: "Host variables to pass on, with * and ?; a blocked one stays out."),
        Entry(
            key: .envBlock, path: "sandbox.env_block", form: .list(.variablePattern), merge: .unite, approval: .never,
            reason: "a block of any layer holds", documentation: "Host variables never to pass on, with * and ?."),
        Entry(
            key: .envBundles, path: "sandbox.env_bundles", form: .list(.name), merge: .unite, approval: .always,
            reason: "it lets values in that you keep outside of the repository",
            documentation: "Environments to set inside: coop env load NAME FILE."),
        Entry(
            key: .memory, path: "sandbox.memory", form: .size, merge: .smallest, approval: .never,
            reason: "a limit of the repository can only narrow the user's", documentation: "Memory limit: 4G, 512M or bytes."),
        Entry(
            key: .cpus, path: "sandbox.cpus", form: .fraction, merge: .smallest, approval: .never,
            reason: "a limit of the repository can only narrow the user's", documentation: "CPU limit in cores: 2 or 0.5."),
        Entry(
            key: .pids, path: "sandbox.pids", form: .count(1...4_194_304), merge: .smallest, approval: .never,
            reason: "a limit of the repository can only narrow the user's", documentation: "The most processes and threads at once."),
        Entry(
            key: .disk, path: "sandbox.disk", form: .size, merge: .smallest, approval: .never,
            reason: "a limit of the repository can only narrow the user's",
            documentation: "Limit of what the sandbox may write outside the workspace."),
        Entry(
            key: .timeout, path: "sandbox.timeout", form: .duration, merge: .smallest, approval: .never,
            reason: "a limit of the repository can only narrow the user's", documentation: "The longest a run may take: 90s, 15m, 1h30m."),
        Entry(
            key: .allowSyscalls, path: "sandbox.allow_syscalls", form: .list(.engineGroup), merge: .unite, approval: .always,
            reason: "each group opens more of the kernel", documentation: "Groups of system calls to allow: ptrace, nested-userns."),
        Entry(
            key: .protect, path: "sandbox.protect", form: .list(.relativePath), merge: .unite, approval: .never,
            reason: "protection of any layer holds", documentation: "Further paths of the project that are read-only inside."),
        Entry(
            key: .forward, path: "sandbox.forward", form: .list(.oneOf(forwards)), merge: .unite, approval: .always,
            reason: "each gives the sandbox something of the user's own to use",
            documentation: "What of the user's session can be used inside: \(forwards.joined(separator: ", "))."),
    ]

    private static let network: [Entry] = [
        Entry(
            key: .networkMode, path: "network.mode", form: .text(.oneOf(networkModes)), merge: .strictest(networkModes),
            approval: .whenWider, reason: "a repository may close the network, not open it", standard: "scoped",
            documentation: "What can be reached: nothing, the hosts that are allowed, or the public internet."),
        Entry(
            key: .bundles, path: "network.bundles", form: .list(.name), merge: .unite, approval: .always,
            reason: "each bundle opens the way to further hosts", documentation: "Named sets of hosts: npm, pypi."),
        Entry(
            key: .allow, path: "network.allow", form: .list(.hostPattern), merge: .unite, approval: .always,
            reason: "each host is a way out for what the sandbox can read", documentation: "Hosts to allow: HOST[:PORT], *.HOST[:PORT]."),
        Entry(
            key: .deny, path: "network.deny", form: .list(.hostPattern), merge: .unite, approval: .never,
            reason: "a denial of any layer holds", documentation: "Hosts to deny, whatever allows them."),
        Entry(
            key: .hostPorts, path: "network.host_ports", form: .ports, merge: .unite, approval: .always,
            reason: "services on the host's loopback trust whoever reaches them",
            documentation: "Loopback ports of the host, reachable at the same port inside."),
        Entry(
            key: .ca, path: "network.ca", form: .list(.path), merge: .unite, approval: .always,
            reason: "who holds such a root can read and change the traffic",
            documentation: "Further roots for verifying upstream servers."),
        Entry(
            key: .proxy, path: "network.proxy", form: .text(.proxy), merge: .userFirst, approval: .always,
            reason: "all traffic would pass there, so the user's own proxy stays", documentation: "The upstream proxy."),
        Entry(
            key: .hosts, path: "network.hosts", form: .map(names: .hostName, values: .hostPort), merge: .userFirstNames,
            approval: .always, reason: "it redirects a name, so the user's own entry stays",
            documentation: "Addresses for names, with a port: \"api.example.com\" = \"127.0.0.1:8443\"."),
        Entry(
            key: .rules, path: "network.rules", form: .records(ruleFields), merge: .unite, approval: .perItem,
            reason: "a rule that allows or asks opens a way; a denial holds", documentation: "Rules by host, method and path."),
    ]

    private static let records: [Entry] = [
        Entry(
            key: .grants, path: "grants", form: .records(grantFields), merge: .userFirstNames, approval: .always,
            reason: "a grant sends a secret to a host, so the user's own of the same name stays",
            documentation: "Credentials for hosts, added outside the sandbox."),
        Entry(
            key: .commands, path: "commands", form: .named(commandFields), merge: .unite, approval: .perItem,
            reason: "these commands run on the host; a denial of any layer holds", documentation: "Host commands by policy."),
        Entry(
            key: .services, path: "services", form: .named(serviceFields), merge: .uniteNames, approval: .always,
            reason: "coop would fetch and start software that the repository names", documentation: "Services beside the sandbox."),
        Entry(
            key: .prepare, path: "hooks.prepare", form: .text(.any), merge: .nearest, approval: .always,
            reason: "its result is kept and used by later runs",
            documentation: "A command that runs inside before the run's own; its result is kept as long as what it reads stays the same."),
        Entry(
            key: .hookInputs, path: "hooks.inputs", form: .list(.relativePath), merge: .unite, approval: .never,
            reason: "it says only when the approved hook runs again",
            documentation: "The files that the hook reads, in place of the lock files that are known."),
        Entry(
            key: .sshKeys, path: "ssh.keys", form: .records(keyFields), merge: .userFirstNames, approval: .always,
            reason: "whoever may use a key can log in as the user, so the user's own entry stays",
            documentation: "The keys of the ssh-agent that may be used inside, where it is forwarded."),
    ]

    private static let notify: [Entry] = [
        Entry(
            key: .notifyOn, path: "notify.on", form: .list(.oneOf(NotifiedState.allCases.map(\.rawValue))), merge: .nearest,
            approval: .refused, reason: "whom you hear from is yours to say",
            documentation: "What a session does when you are told."),
        Entry(
            key: .notifyDesktop, path: "notify.desktop", form: .flag, merge: .nearest, approval: .refused,
            reason: "it puts words on your screen", documentation: "Whether the desktop shows it."),
        Entry(
            key: .notifyCommand, path: "notify.command", form: .text(.any), merge: .nearest, approval: .refused,
            reason: "it runs on this machine, as you", documentation: "A shell command that is run on this machine."),
        Entry(
            key: .notifyWebhook, path: "notify.webhook", form: .text(.webhook), merge: .nearest, approval: .refused,
            reason: "it sends what a session does to a server",
            documentation: "An address to which it is posted; https, or http on this machine."),
    ]

    static let ruleFields: [Field] = [
        Field("host", .text(.hostPattern), required: true, "The host: HOST[:PORT] or *.HOST[:PORT]."),
        Field("methods", .list(.method), "HTTP methods; all when left out."),
        Field("paths", .list(.urlPath), "Paths, with *; all when left out."),
        Field("action", .text(.oneOf(["allow", "deny", "ask"])), required: true, "What happens."),
    ]

    static let grantFields: [Field] = [
        Field("name", .text(.name), required: true, "The grant's name."),
        Field("provider", .text(.name), "A service that coop knows: `coop grant providers`."),
        Field("domain", .text(.hostPattern), "Or the host that receives the credential."),
        Field("header", .text(.headerName), "The header it goes into."),
        Field("query", .text(.name), "Or the query parameter."),
        Field("cookie", .text(.headerName), "Or the cookie."),
        Field("basic_user", .text(.any), "Or the user name for basic authentication."),
        Field("template", .text(.template), "The text around it: Bearer {value}."),
        Field("secret", .text(.name), "The stored secret."),
        Field("source", .text(.secretSource), "Or where it is read: env:VAR, file:PATH, cmd:COMMAND, secret-service:NAME=VALUE."),
        Field("env", .list(.variable), "Variables that hold the stub inside, in place of the usual ones."),
    ]

    static let commandFields: [Field] = [
        Field("allow", .list(.commandPattern), "Arguments to allow."),
        Field("approve", .list(.commandPattern), "Arguments that need the user's consent each time."),
        Field("deny", .list(.commandPattern), "Arguments never to allow."),
    ]

    static let keyFields: [Field] = [
        Field("fingerprint", .text(.fingerprint), required: true, "The key: SHA256:… as `ssh-add -l` prints it."),
        Field("confirm", .flag, "Whether you are asked each time; true when left out."),
    ]

    static let serviceFields: [Field] = [
        Field("version", .text(.name), required: true, "The version to run.")
    ]
}
