import LinuxKernel
import TOML

extension ImportRules {
    /// `.sbx/config.toml`, `~/.config/sbx/config.toml` and those of flavors.
    static func sbx(home: String) -> ImportRules {
        var rules = ImportRules("sbx")
        let image = "this version of coop uses the system of the host, not an image"
        let expose = "this version of coop opens no port of the host"
        rules.value("name", "name")
        rules.value("start", "start")
        rules.mounts("mounts.[]", home: home)
        rules.add("caches.[]") { place in [cache(place)] }
        rules.drop("flavor", "container-home", why: image)
        rules.drop("port-offset", "ports", "hostname", "public", "tunnel", "socks", why: expose)
        rules.expect("allow-bare-repo", "false", covered: "coop refuses a bare repository", otherwise: "coop refuses a bare repository")
        for (key, what) in [
            ("ssh", "the ssh agent signs whatever the sandbox asks it to"),
            ("gpg", "the agent of GnuPG signs whatever the sandbox asks it to"),
            ("docker", "Docker's socket is the machine's root"), ("gui", "the display shows, and takes, every key that you type"),
            ("clipboard", "the clipboard holds whatever you copied last"),
            ("share-runtime-dir", "it leads to the services of your desktop"),
        ] {
            rules.expect(key, "false", covered: "coop lends nothing of this", otherwise: what + "; you lend it yourself, for a run")
        }
        rules.drop("forward-sockets", why: "a socket of the host is a way out of the sandbox")
        rules.drop("profile", "*.profile", "profiles", why: "a login is chosen for a run or by you, not by a file")
        rules.drop(
            "network.vpn", "network.tailscale", why: "what the host reaches, coop's gateway reaches: connect the host",
            next: "coop config set --user network.proxy URL")
        rules.add("services.enabled.[]") { place in [service(place)] }
        rules.add("host_proxy.enabled") { place in
            [
                place.finding(
                    place.node.text == "true"
                        ? .covered("all traffic goes through coop's gateway") : .dropped("all traffic goes through coop's gateway, always"))
            ]
        }
        rules.element("host_proxy.allow.[]", "network", "allow")
        rules.drop("agent", why: "agents are files of their own: ~/.coop/agents/NAME.toml")
        return rules
    }

    /// Caches by the tool whose they are.
    private static func cache(_ place: Place) -> ImportFinding {
        guard let text = place.node.text else { return place.finding(.dropped("it is not a single value")) }
        let host = text.split(separator: ":", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        let known = [
            ".npm": "npm", ".cache/pip": "pip", ".cache/uv": "uv", ".cargo": "cargo", ".cargo/registry": "cargo", ".m2": "maven",
            ".gradle": "gradle", ".bun": "bun", ".cache/go-build": "go", "go/pkg": "go",
        ]
        let relative = host.hasPrefix("~/") ? String(host.dropFirst(2)) : host
        guard let name = known[relative] else {
            return place.finding(.dropped("coop's caches are those of tools, by name, and `\(host.printable)` is none of them"))
        }
        return place.finding(.becomes(ImportedSetting(path: ["sandbox", "caches"], change: .element(.string(name)))))
    }

    /// Services with the version of the image that sbx starts.
    private static func service(_ place: Place) -> ImportFinding {
        let text = place.node.text ?? ""
        let versions = ["postgres": "16", "postgresql": "16", "mongo": "7", "mongodb": "7", "mysql": "8"]
        guard let version = versions[text] else {
            return place.finding(
                .dropped("sbx names no version of `\(text.printable)`, and coop needs one"),
                next: "coop config set services.NAME.version VERSION")
        }
        let name = ["postgresql": "postgres", "mongodb": "mongo"][text] ?? text
        return place.finding(.becomes(ImportedSetting(path: ["services", name, "version"], change: .value(.string(version)))))
    }
}
