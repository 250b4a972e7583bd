import CoopErrors
import Sandbox

/// How strong each layer is, from the spec and what the host offers.
enum LayerReports {
    static func make(spec: SandboxSpec, facts: HostFacts, limits: LimitDecision) -> [LayerReport] {
        let namespaces: [(Layer, String)] = [
            (.userNamespace, "user"), (.mountNamespace, "mnt"), (.processNamespace, "pid"), (.networkNamespace, "net"),
            (.ipcNamespace, "ipc"), (.hostnameNamespace, "uts"), (.cgroupNamespace, "cgroup"), (.timeNamespace, "time"),
        ]
        var result = namespaces.map { layer, name in
            facts.namespaces.contains(name)
                ? LayerReport(layer, .enforced, "a new \(name) namespace")
                : LayerReport(
                    layer, .missing, "the kernel \(facts.kernel) has no \(name) namespaces", next: "use a kernel with CONFIG_NAMESPACES")
        }
        result.append(network(spec.network, facts))
        result.append(LayerReport(.root, .enforced, "built from nothing on tmpfs; system directories of the host read-only"))
        result.append(
            facts.procIsMasked
                ? LayerReport(
                    .proc, .missing, "parts of /proc are covered on this host, so the kernel refuses a fresh one",
                    next: "in Docker: --security-opt systempaths=unconfined")
                : LayerReport(.proc, .enforced, "fresh, \(facts.readOnlyProc.count) paths read-only, \(facts.hiddenProc.count) hidden"))
        result.append(
            facts.users.separatesWarden
                ? LayerReport(.separateWarden, .enforced, "the warden is subordinate id \(facts.users.subordinateUsers?.first ?? 0)")
                : LayerReport(
                    .separateWarden, .weaker, "one id for warden and command; the warden is non-dumpable and prlimit is denied",
                    next: facts.users.idMapTools ? "add the user to /etc/subuid and /etc/subgid" : "apt-get install uidmap"))
        result.append(LayerReport(.capabilities, .enforced, "none, bounding set empty, no_new_privs"))
        if facts.landlock >= LandlockAccess.oldestVersion {
            let scopes = facts.landlock >= 6
            result.append(
                LayerReport(
                    .landlock, scopes ? .enforced : .weaker,
                    "version \(facts.landlock)"
                        + (scopes ? ", signals and abstract sockets scoped" : "; scopes need version 6 (Linux 6.12)")))
        } else {
            result.append(
                LayerReport(
                    .landlock, .missing,
                    facts.landlock == 0
                        ? "the kernel \(facts.kernel) has no Landlock, or it is off"
                        : "version 1 cannot move files between directories",
                    next: "boot with lsm=landlock,…, use Linux 5.19 or later, or add --degraded=landlock"))
        }
        let groups = spec.systemCalls.groups.isEmpty ? "" : ", widened by " + spec.systemCalls.groups.joined(separator: ", ")
        result.append(
            facts.seccompFilter
                ? LayerReport(.seccomp, groups.isEmpty ? .enforced : .weaker, "allow-list" + groups)
                : LayerReport(.seccomp, .missing, "the kernel has no seccomp filters", next: "use a kernel with CONFIG_SECCOMP_FILTER"))
        return result + limits.reports
    }

    private static func network(_ network: Network, _ facts: HostFacts) -> LayerReport {
        guard network.usesGateway else { return LayerReport(.network, .unused, "nothing leaves, so there is nothing to lead") }
        guard facts.netfilter else {
            return LayerReport(
                .network, .missing, "the kernel \(facts.kernel) has no netfilter (NETLINK_NETFILTER)",
                next: "sudo modprobe nf_tables, on the host, or add --network none")
        }
        return LayerReport(.network, .enforced, "TCP and DNS are redirected to the gateway by nf_tables, all else is refused")
    }

    /// A missing layer stops the run, unless the user named it.
    static func refuseMissing(_ layers: [LayerReport], degraded: [Layer]) throws(CoopError) {
        for report in layers where report.strength == .missing && !degraded.contains(report.layer) {
            var next = report.next
            if report.layer.isOptional, next?.contains("--degraded") != true {
                next = (next.map { $0 + ", or " } ?? "") + "add --degraded=\(report.layer.rawValue)"
            }
            throw CoopError(.refused, "layer \(report.layer.rawValue) cannot be enforced", report.detail, next: next)
        }
    }
}
