import LinuxKernel
import Sandbox
import Vault

/// What is said when a sandbox starts: what is shared with it, what it can reach, and what stays outside.
struct Introduction {
    let spec: SandboxSpec
    /// Nil for an ordinary command.
    let agent: AgentRun?
    /// The login that the agent has.
    let profile: ProfileName?

    /// All of it in one line.
    var line: String {
        // What a repository brings along may only pretend to be the agent.
        let isProjects = agent != nil && spec.workspace.isShown && FileSystem.contains(spec.workspace.path, spec.command.first ?? "")
        var parts = [
            "\(name)\(isProjects ? " (the project's own program)" : ""): \(spec.workspace.path.printable) (\(Introduction.word(for: spec.workspace.mode)))"
        ]
        switch spec.network.mode {
        case .none: parts.append("no network")
        case .open: parts.append("reaches the public internet")
        case .scoped:
            let shown = hosts.prefix(2).joined(separator: ", ")
            parts.append(hosts.isEmpty ? "reaches nothing" : "reaches \(shown)" + (hosts.count > 2 ? " and \(hosts.count - 2) more" : ""))
        }
        parts.append(stubs.isEmpty ? "no credentials" : "\(stubs.joined(separator: ", ")) as \(stubs.count == 1 ? "a stub" : "stubs")")
        parts.append("your home stays outside")
        if let agent { parts.append(agent.isAutonomous ? "asks nothing (--safe to be asked)" : "asks as it is set") }
        return "coop: " + parts.joined(separator: " · ") + "\n"
    }

    private static func word(for mode: Workspace.Mode) -> String {
        switch mode {
        case .bind: "live"
        case .overlay: "overlay"
        case .none: "not shown"
        }
    }

    /// The same with every name, a line each.
    var details: String {
        var rows: [(String, [String])] = []
        let shown =
            switch spec.workspace.mode {
            case .bind: "live"
            case .overlay: "every change kept apart from it"
            case .none: "an empty directory"
            }
        let workspace = "\(spec.workspace.path), \(shown)"
        // What coop itself puts in the place of something is no part of the host.
        let mounts = spec.mounts.filter { $0.reason != TrustStores.reason && $0.reason != "git" }
        rows.append(("shared", [workspace] + mounts.map { "\($0.target), \($0.readOnly ? "read-only" : "live") (\($0.reason))" }))
        switch spec.network.mode {
        case .none: rows.append(("reaches", ["nothing: there is no network"]))
        case .open: rows.append(("reaches", ["the public internet"]))
        case .scoped: rows.append(("reaches", hosts.isEmpty ? ["nothing"] : hosts))
        }
        rows.append(("as stubs", stubs.isEmpty ? ["nothing"] : stubs))
        rows.append(
            (
                "withheld",
                [
                    "everything else in \(spec.home.path): the sandbox has a home of its own there",
                    "all other files that are not the system's",
                    "variables that look like secrets, services of this machine, private networks",
                ]
            ))
        rows.append(("more", ["coop explain -- \(name.shellQuoted)"]))
        let width = (rows.map(\.0.count).max() ?? 0) + 2
        var result = ""
        for (title, values) in rows {
            for (index, value) in values.enumerated() {
                let head = index == 0 ? title : ""
                result += "  " + head + String(repeating: " ", count: width - head.count) + value.printable + "\n"
            }
        }
        return result
    }

    private var name: String { (agent?.agent.name ?? spec.command.first ?? "").printable }

    private var hosts: [String] {
        var result: [String] = []
        for rule in spec.network.policy.rules where rule.action == .allow {
            let host = rule.host.description
            if !result.contains(host) { result.append(host) }
        }
        return result
    }

    private var stubs: [String] {
        let login = profile.map { $0 == .host ? ["your login"] : ["your login `\($0)`"] } ?? []
        return login + spec.environment.filter { $0.origin.hasPrefix("grant ") }.map(\.name)
    }
}
