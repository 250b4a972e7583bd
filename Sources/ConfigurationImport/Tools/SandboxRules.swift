import LinuxKernel
import TOML

extension ImportRules {
    /// `~/.sandbox/config.yaml`.
    ///
    /// - Parameters:
    ///   - passes: whether a variable of the host reaches the inside without any configuration.
    ///   - isBlocked: whether a pattern names only what never does.
    static func sandbox(passes: @escaping (String) -> Bool, isBlocked: @escaping (String) -> Bool) -> ImportRules {
        var rules = ImportRules("sandbox")
        let image = "this version of coop uses the system of the host, not an image"
        rules.drop("images", why: image)
        rules.add("env_whitelist.[]") { place in
            let name = place.node.text ?? ""
            if passes(name) { return [place.finding(.covered("it passes by itself"))] }
            return [place.finding(.becomes(ImportedSetting(path: ["sandbox", "env_allow"], change: .element(.string(name)))))]
        }
        rules.add("env_blocklist.[]") { place in
            let name = place.node.text ?? ""
            if isBlocked(name) { return [place.finding(.covered("it never passes by itself"))] }
            return [place.finding(.becomes(ImportedSetting(path: ["sandbox", "env_block"], change: .element(.string(name)))))]
        }
        rules.value("container.timeout", "sandbox", "timeout")
        rules.add("container.network_mode") { place in
            switch place.node.text {
            case "none": [place.finding(.becomes(ImportedSetting(path: ["network", "mode"], change: .value(.string("none")))))]
            default:
                [
                    place.finding(
                        .dropped("it lets everything through; coop lets through what you allow"),
                        next: "coop config set --user network.mode open")
                ]
            }
        }
        rules.expect(
            "container.remove", "true", covered: "a sandbox ends with its command", otherwise: "a sandbox is kept by an option",
            next: "coop run --keep -- COMMAND")
        rules.value("security.memory_limit", "sandbox", "memory")
        rules.add("security.cpu_quota") { place in
            guard let quota = Double(place.node.text ?? ""), quota > 0 else { return [place.finding(.covered("0 is no limit"))] }
            // Microseconds of each tenth of a second.
            return [place.finding(.becomes(ImportedSetting(path: ["sandbox", "cpus"], change: .value(.float(quota / 100_000)))))]
        }
        rules.add("security.pids_limit") { place in
            guard let count = Int64(place.node.text ?? ""), count > 0 else { return [place.finding(.covered("it is no limit"))] }
            return [place.finding(.becomes(ImportedSetting(path: ["sandbox", "pids"], change: .value(.integer(count)))))]
        }
        rules.drop("security.seccomp_profile_path", why: "a profile is named for a run", next: "coop run --seccomp PATH -- COMMAND")
        rules.expect(
            "security.read_only_root", "true", covered: "the system is read-only inside",
            otherwise: "the system is read-only inside, always")
        rules.drop("security.user_mapping", why: "the command has your own ids inside, so that files stay yours")
        rules.add("security.drop_capabilities.[]") { place in [place.finding(.covered("the command has no capability at all"))] }
        rules.drop("logging", why: "coop has no such log; the audit log records what left a sandbox", next: "coop audit show")
        rules.drop("paths.workspace", why: "inside, the project is where it is outside")
        rules.drop("paths.*", why: "coop keeps its files in ~/.coop, or where COOP_HOME says")
        return rules
    }
}
