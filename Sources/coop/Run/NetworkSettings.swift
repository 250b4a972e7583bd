import CoopErrors
import LinuxKernel
import Policy
import Projects
import Sandbox

/// Turns the configuration's `[network]` into a policy.
struct NetworkSettings {
    let context: Context
    let project: Project
    let configuration: Configuration
    /// Read again for a sandbox that is running: what would stop a run only narrows it, and what was said at the start is not said again.
    var isLive = false

    /// What there is of the network, with the policy that decides over it.
    func network() throws(CoopError) -> Network {
        let settings = configuration.network
        let mode: Network.Mode =
            switch settings.mode?.value ?? .none {
            case .none: .none
            case .scoped: .scoped
            case .open: .open
            }
        guard mode != .none else {
            // On one command line, or against a file: what is asked for now must not silently come to nothing.
            if !isLive, let asked = settings.allow.first(where: { $0.origin.layer == .flags }), let stated = settings.mode {
                throw CoopError(
                    .usage, "cannot allow \(asked.value.printable)", "the network is `none` (\(stated.origin))",
                    next: "coop config get network.mode")
            }
            return Network()
        }
        let hostPorts = settings.hostPorts.map { UInt16(clamping: $0.value) }
        return Network(mode: mode, hostPorts: hostPorts, policy: try policy(mode: mode, hostPorts: hostPorts))
    }

    /// The hosts that the user allows by name and that a rule would ask about: the answer is there already.
    private func answers(to rule: NetworkRule) throws(CoopError) -> [NetworkRule] {
        var result: [NetworkRule] = []
        for setting in configuration.network.allow where !setting.origin.layer.isRepository {
            let allowed = try NetworkRule(parsing: setting.value, origin: setting.origin.description)
            let isAsked =
                switch allowed.host.hosts {
                case .name(let name): rule.host.covers(.name(name))
                case .address(let address): rule.host.covers(.address(address))
                case .below: false
                }
            if isAsked { result.append(allowed) }
        }
        return result
    }

    private func policy(mode: Network.Mode, hostPorts: [UInt16]) throws(CoopError) -> NetworkPolicy {
        let settings = configuration.network
        var rules: [NetworkRule] = []
        var hosts: [HostOverride] = []
        for setting in settings.rules {
            let value = setting.value
            let rule = try NetworkRule(
                parsing: value.host, methods: value.methods, paths: value.paths,
                action: try NetworkRule.action(parsing: value.action.rawValue), origin: setting.origin.description)
            if rule.action == .ask, !rule.looksAtRequests { rules += try answers(to: rule) }
            rules.append(rule)
        }
        for setting in settings.deny {
            rules.append(
                try NetworkRule(parsing: setting.value, methods: [], paths: [], action: .deny, origin: setting.origin.description))
        }
        for setting in settings.allow {
            rules.append(
                try NetworkRule(parsing: setting.value, methods: [], paths: [], action: .allow, origin: setting.origin.description))
        }
        if !settings.bundles.isEmpty {
            let registries = RegistryHosts(
                variables: Dictionary(EnvironmentBuilder.host().map { ($0.name, $0.value) }) { first, _ in first },
                home: context.home.userHome,
                project: project.root, bundles: settings.bundles.map(\.value))
            for setting in settings.bundles {
                let known = try NetworkBundle(named: setting.value).rules
                let own = registries.endpoints(ofBundle: setting.value)
                if known.isEmpty, own.isEmpty, !isLive {
                    FileHandleOutput.standardError(
                        "coop: the bundle \(setting.value) names no host: the configuration that it follows names none\n"
                            + "Next: coop run --allow HOST -- COMMAND\n")
                }
                rules += known
                for endpoint in own {
                    rules.append(endpoint.rule)
                    if let placement = endpoint.placement { hosts.append(placement) }
                }
            }
        }
        var written: [HostOverride] = []
        for (name, setting) in settings.hosts {
            written.append(try HostOverride(parsing: name, target: setting.value, origin: setting.origin.description))
        }
        // The first that fits counts: what is written comes before what registries say.
        var proxy: ProxyAddress?
        if let setting = settings.proxy { proxy = try ProxyAddress(parsing: setting.value) }
        let policyMode: NetworkPolicy.Mode =
            switch mode {
            case .none: .none
            case .scoped: .scoped
            case .open: .open
            }
        return NetworkPolicy(
            mode: policyMode, rules: rules, hostPorts: hostPorts, hosts: written + hosts, certificateFiles: settings.ca.map(\.value),
            proxy: proxy)
    }
}
