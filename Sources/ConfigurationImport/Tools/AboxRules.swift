import LinuxKernel
import TOML

extension ImportRules {
    /// `.abox/project.toml`.
    static func abox() -> ImportRules {
        var rules = ImportRules("abox")
        rules.value("project.id", "name")
        // `safe` lets nothing through but what the user's policy names; so does `scoped` without rules.
        rules.value("network.mode", "network", "mode") { ["safe": "scoped", "scoped": "scoped", "open": "open"][$0].map { .string($0) } }
        rules.element("network.bundles.[]", "network", "bundles") {
            ["npm-public": "npm", "pypi-public": "pypi", "cargo-public": "crates"][$0].map { .string($0) }
        }
        rules.element("network.domains.[]", "network", "allow")
        rules.drop("environment.profile", why: "this version of coop uses the system of the host, not an image")
        rules.element("environment.caches.[]", "sandbox", "caches")
        rules.value("environment.prepare", "hooks", "prepare") { .string($0.hasPrefix("/") || $0.hasPrefix("./") ? $0 : "./" + $0) }
        rules.drop("environment.watch", why: "coop sees by itself what the hook has read")
        rules.element("environment.mount_excludes.[]", "sandbox", "excludes")
        rules.drop(
            "agent.default_prompt_file", why: "a task is given with a run", next: "coop run AGENT --prompt-file PATH")
        rules.add("services.*.version") { place in
            let name = place.path[1]
            return [
                place.finding(
                    .becomes(ImportedSetting(path: ["services", name, "version"], change: .value(.string(place.node.text ?? "")))))
            ]
        }
        rules.drop("services.*.*", why: "a service has a version and nothing else")
        rules.add("host_ports.[]") { place in
            guard let guest = place.node["guest"]?.text, let host = place.node["host"]?.text, let port = Int64(host) else {
                return [place.finding(.dropped("it needs `guest` and `host`"))]
            }
            guard guest == host else {
                return [
                    place.finding(
                        .dropped("a port of the host has the same number inside, and these are \(guest.printable) and \(host.printable)"))
                ]
            }
            return [place.finding(.becomes(ImportedSetting(path: ["network", "host_ports"], change: .element(.integer(port)))))]
        }
        return rules
    }

    /// `.abox/policies/NAME.toml`.
    static func aboxPolicy() -> ImportRules {
        var rules = ImportRules("abox")
        let host = "coop has no such default: what no rule names is refused"
        rules.expect("default_cli_action", "deny", covered: "coop runs no command of the host that no rule names", otherwise: host)
        rules.expect(
            "default_egress_action", "deny", covered: "what no rule names is refused", otherwise: host,
            next: "coop config set --user network.mode open")
        rules.drop("bypass_tls", why: "coop opens TLS only to a host that has a grant or a rule about paths")
        rules.add("cli.[]") { place in
            guard case .table(let entries) = place.node.value else { return [place.finding(.dropped("it is not a table"))] }
            return entries.flatMap { entry -> [ImportFinding] in
                guard let inner = place.at(entry.key) else { return [] }
                return inner.node.elements.enumerated().map { index, node in
                    var part = inner
                    part.node = node
                    if case .list = inner.node.value { part.key += "[\(index)]" }
                    if let secret = part.secret { return secret }
                    switch entry.key {
                    case "command": return part.finding(.dropped("this version of coop runs no command of the host"))
                    case "forward_ssh_agent": return part.finding(.dropped("an agent of yours is lent for a run, by you"))
                    default: return part.finding(.dropped("coop's patterns are words and {names}, not regular expressions"))
                    }
                }
            }
        }
        rules.add("egress.[]") { egress($0) }
        return rules
    }

    /// A host to allow and, with a header, a grant for it.
    private static func egress(_ place: Place) -> [ImportFinding] {
        guard case .table(let entries) = place.node.value, let domain = place.at("domain"), let name = domain.node.text else {
            return [place.finding(.dropped("it names no domain"))]
        }
        var result = [domain.finding(.becomes(ImportedSetting(path: ["network", "allow"], change: .element(.string(name)))))]
        let known = ["domain", "inject_header", "env_var", "credential_file", "json_path", "header_template", "request_rules"]
        for entry in entries where !known.contains(entry.key) {
            result += place.at(entry.key).map { [$0.secret ?? $0.finding(.dropped("coop knows no such key of abox"))] } ?? []
        }
        if let rules = place.at("request_rules") {
            result.append(
                rules.finding(
                    .dropped("write them as [[network.rules]] with `host`, `methods`, `paths` and `action`"),
                    next: "coop config edit --user"))
        }
        guard let header = place.at("inject_header"), let headerName = header.node.text else { return result }
        var pairs: [(key: String, value: TOMLValue)] = [
            ("name", .string(name)), ("domain", .string(name)), ("header", .string(headerName)),
        ]
        if let template = place.at("header_template") {
            if let secret = template.secret { return result + [secret] }
            guard let text = ImportRules.template(template.node.text ?? "") else {
                return result + [template.finding(.dropped("its place for the value is not to be seen"), next: "coop grant add --help")]
            }
            if text != "{value}" { pairs.append(("template", .string(text))) }
        }
        if let path = place.at("json_path") {
            let next = "coop auth list"
            return result + [
                header.finding(.dropped("the credential is a part of a JSON file; a login of a known service needs no path"), next: next),
                path.finding(.dropped("coop knows the logins that it can use"), next: next),
            ]
        }
        if let variable = place.at("env_var") {
            if let secret = variable.secret { return result + [secret] }
            pairs.append(("source", .string("env:" + (variable.node.text ?? ""))))
        } else if let file = place.at("credential_file") {
            pairs.append(("source", .string("file:" + (file.node.text ?? ""))))
        } else {
            return result + [header.finding(.dropped("nothing says where the credential comes from"), next: "coop grant add --help")]
        }
        result.append(header.finding(.becomes(ImportedSetting(path: ["grants"], change: .record(pairs)))))
        return result
    }

    /// A template with `{value}` in the place of the tool's own word: `Bearer {}`, `Bearer {token}`, `Bearer ${TOKEN}`.
    private static func template(_ text: String) -> String? {
        guard let open = text.firstIndex(of: "{"), let close = text[open...].firstIndex(of: "}") else { return nil }
        var before = text[..<open]
        if before.hasSuffix("$") || before.hasSuffix("{") { before = before.dropLast() }
        var after = text[text.index(after: close)...]
        if after.hasPrefix("}") { after = after.dropFirst() }
        return after.contains("{") ? nil : before + "{value}" + after
    }
}
