import LinuxKernel

/// One thing that a repository's files ask beyond what the user's own configuration, or coop's defaults, give.
public struct ApprovalRequest: Sendable, Equatable {
    public var key: ConfigurationKey
    /// What is asked, in plain words; free of control characters, since a repository wrote parts of it.
    public var text: String
    /// Where it is asked.
    public var origin: ConfigurationOrigin

    init(_ key: ConfigurationKey, _ text: String, _ origin: ConfigurationOrigin) {
        self.key = key
        self.text = text
        self.origin = origin
    }

    /// A value of a key that holds one.
    init(_ key: ConfigurationKey, _ setting: Setting<ConfigurationValue>) {
        let value = setting.value.text
        let text =
            switch key {
            case .engine: "use the engine \(value)"
            case .rootfs: "use \(value) as the root file system"
            case .workspace: "let the workspace be \(value)"
            case .networkMode: value == "open" ? "reach the whole public internet" : "reach the network, as far as it is allowed (\(value))"
            case .proxy: "send all traffic through the proxy \(value.quotedInList)"
            case .prepare: "run inside before the command: \(value.quotedInList)"
            default: "set \(key.path) to \(value)"
            }
        self.init(key, text.printable, setting.origin)
    }

    /// One thing of a list or table.
    init(_ key: ConfigurationKey, _ item: ConfigurationItem) {
        let text =
            switch (key, item.content) {
            case (.mounts, .mount(let mount)):
                "mount \(mount.host.quotedInList) \(mount.isReadOnly ? "read-only" : "writable")"
                    + (mount.guest.map { " at \($0.quotedInList)" } ?? "")
            case (.envAllow, _): "pass on the variable \(item.name) of your environment"
            case (.envBundles, _): "see the values of your environment \(item.name)"
            case (.allowSyscalls, _): "allow the system calls of the group \(item.name)"
            case (.bundles, _): "reach the hosts of the bundle \(item.name.quotedInList)"
            case (.allow, _): "reach \(item.name)"
            case (.hostPorts, _): "reach port \(item.name) of this machine's loopback"
            case (.forward, _):
                "use your \(item.name) (\(ForwardChoice(rawValue: item.name)?.warning ?? "unknown"))"
            case (.sshKeys, .sshKey(let key)):
                "use your SSH key \(key.fingerprint)" + (key.confirms ? ", asking you each time" : " without asking you")
            case (.ca, _): "trust servers that \(item.name.quotedInList) vouches for"
            case (.hosts, .pair(let target)): "connect to \(target) in place of \(item.name)"
            case (.rules, .rule(let rule)): rule.request
            case (.grants, .grant(let grant)): grant.request
            case (.commands, .command(let command)): command.request
            case (.services, .service(let service)): "run the service \(service.name.quotedInList), version \(service.version.quotedInList)"
            default: "add \(item.name) to \(key.path)"
            }
        self.init(key, text.printable, item.origin)
    }
}

extension ApprovalRequest: CustomStringConvertible {
    /// `mount ~/datasets read-only at /data (coop.toml:7:11)`.
    public var description: String { "\(text) (\(origin))" }
}

extension String {
    /// In a sentence of the list: what could be taken for words of coop's own stands in quotation marks.
    fileprivate var quotedInList: String {
        let isPlain = !isEmpty && !unicodeScalars.contains { $0.properties.isWhitespace || "()\"`,".unicodeScalars.contains($0) }
        return isPlain ? self : "\"" + replacing("\"", with: "\\\"") + "\""
    }

    /// A command or a text with places, which cannot end the quotation itself.
    fileprivate var inBackquotes: String { "`" + replacing("`", with: "\\`") + "`" }
}

extension NetworkRuleSetting {
    fileprivate var request: String {
        let methods = methods.isEmpty ? "any request" : methods.joined(separator: ", ")
        let paths = paths.isEmpty ? "" : " to \(paths.map(\.quotedInList).joined(separator: ", "))"
        return "\(action == .ask ? "ask you about" : "allow") \(methods)\(paths) at \(host)"
    }
}

extension GrantSetting {
    fileprivate var request: String {
        let what =
            switch source {
            case .stored(let name): "the stored secret \(name.quotedInList)"
            case .environment(let name): "your variable \(name)"
            case .file(let path): "the contents of \(path.quotedInList)"
            case .command(let command): "what \(command.inBackquotes), run on this machine, prints"
            case .login: "your login"
            case .secretService(let attributes): "the entry of your keyring with \(attributes.quotedInList)"
            }
        let inside = variables.map { $0.isEmpty ? "" : ", with a stub in \($0.joined(separator: ", "))" } ?? ""
        switch target {
        case .provider(let provider): return "send \(what) to the hosts of \(provider.quotedInList)\(inside) (grant \(name.quotedInList))"
        case .place(let domain, let place):
            let place =
                switch place {
                case .header(let name): "the header \(name)"
                case .query(let name): "the query parameter \(name.quotedInList)"
                case .cookie(let name): "the cookie \(name)"
                case .basic(let user): "basic authentication as \(user.quotedInList)"
                }
            return "send \(what) to \(domain) in \(place)" + (template.map { ", as \($0.inBackquotes)" } ?? "") + inside
                + " (grant \(name.quotedInList))"
        }
    }

    /// `api.example.com`, or the provider's name.
    public var destination: String {
        switch target {
        case .provider(let provider): provider
        case .place(let domain, _): domain
        }
    }
}

extension CommandSetting {
    fileprivate var request: String {
        "run \("\(command) \(pattern)".inBackquotes) on this machine" + (action == .approve ? ", asking you each time" : "")
    }
}

extension ConfigurationValue {
    /// The value as a person writes it; a list's elements separated by commas.
    public var text: String {
        switch self {
        case .text(let text): text
        case .size(let bytes): Quantities.text(size: bytes)
        case .duration(let time): Quantities.text(duration: time)
        case .integer(let number): String(number)
        case .number(let number): number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
        case .items(let items): items.map(\.text).joined(separator: ", ")
        }
    }
}

extension ConfigurationItem {
    /// The thing as one text.
    public var text: String {
        switch content {
        case .pair(let value): "\(name)=\(value)"
        case .rule(let rule):
            "\(rule.action.rawValue) \(rule.methods.isEmpty ? "*" : rule.methods.joined(separator: "|")) \(rule.host)"
                + (rule.paths.isEmpty ? "" : " " + rule.paths.joined(separator: "|"))
        case .grant(let grant): "\(grant.name)@\(grant.destination)"
        case .service(let service): "\(service.name) \(service.version)"
        case .sshKey(let key): key.confirms ? key.fingerprint : "\(key.fingerprint) without asking"
        default: name
        }
    }
}
