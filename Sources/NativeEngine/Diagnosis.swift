import Sandbox

/// One thing about a host that stops or weakens a sandbox, why, and the command that mends it.
public struct Diagnosis: Codable, Sendable, Equatable {
    public enum Severity: String, Codable, Sendable {
        /// No sandbox can be made.
        case blocking
        /// A sandbox can be made, with a weaker or a missing layer.
        case weakening
    }

    public var severity: Severity
    public var subject: String
    public var why: String
    public var fix: String

    public init(severity: Severity, subject: String, why: String, fix: String) {
        self.init(severity, subject, why, fix: fix)
    }

    init(_ severity: Severity, _ subject: String, _ why: String, fix: String) {
        self.severity = severity
        self.subject = subject
        self.why = why
        self.fix = fix
    }

    /// Recognises difficult hosts: a pure function, tested on simulated ones.
    ///
    /// - Parameters:
    ///   - refusal: the error number with which the kernel refused a user namespace just now; nil when it did not.
    ///   - cgroups: where cgroups can be made; nil when nobody has looked.
    public static func recognise(
        facts: HostFacts, conditions: HostConditions, refusal: Int32?, cgroups: CgroupHost? = nil
    ) -> [Diagnosis] {
        var result: [Diagnosis] = []
        let privileged = facts.isRoot
        if !facts.namespaces.contains("user") {
            result.append(
                Diagnosis(
                    .blocking, "user namespaces", "the kernel \(facts.kernel) is built without them",
                    fix: "use a kernel with CONFIG_USER_NS=y"))
        }
        if conditions.namespacesAllowed == false, !privileged {
            result.append(
                Diagnosis(
                    .blocking, "user namespaces", "kernel.unprivileged_userns_clone is 0: only root may make them",
                    fix: "sudo sysctl -w kernel.unprivileged_userns_clone=1   # and a file in /etc/sysctl.d to keep it"))
        }
        if let maximum = conditions.maximumNamespaces, maximum == 0 {
            result.append(
                Diagnosis(
                    .blocking, "user namespaces", "user.max_user_namespaces is 0",
                    fix: "sudo sysctl -w user.max_user_namespaces=15000   # and a file in /etc/sysctl.d to keep it"))
        }
        if conditions.appArmorRestrictsNamespaces, !privileged, !conditions.hasAppArmorProfile || refusal != nil {
            result.append(
                Diagnosis(
                    .blocking, "AppArmor", "this system (Ubuntu 23.10 or later) lets only programs with a profile make user namespaces",
                    fix: conditions.hasAppArmorProfile
                        ? "sudo apparmor_parser -r /etc/apparmor.d/coop   # the profile is there, but not loaded or for another path"
                        : "sudo coop doctor --fix   # installs the profile for coop"))
        }
        if facts.procIsMasked {
            let fix =
                switch conditions.container {
                case "docker": "start the container with --security-opt systempaths=unconfined"
                case "podman": "start the container with --security-opt unmask=ALL"
                case "kubernetes": "give the container a securityContext with procMount: Unmasked, in a pod with hostUsers: false"
                default: "unmount what covers parts of /proc"
                }
            result.append(
                Diagnosis(
                    .blocking, "/proc",
                    "parts of it are covered (\(conditions.container.map { "inside \($0)" } ?? "by other mounts")), so the kernel refuses a fresh one",
                    fix: fix))
        }
        if let refusal, refusal == 28, result.isEmpty {
            // ENOSPC (clone(2)): one of the limits per user, or too deep a nesting.
            result.append(
                Diagnosis(
                    .blocking, "namespaces", "this user has as many as a limit in /proc/sys/user allows, or they are nested too deeply",
                    fix: "grep . /proc/sys/user/max_*_namespaces   # then raise the one that is too low"))
        }
        if let refusal, result.isEmpty {
            let inside = conditions.container.map { " inside \($0)" } ?? ""
            let fix =
                conditions.container == nil
                ? "ask the administrator of this machine; `journalctl -k` may name the rule, and in a chroot there is none to be had"
                : "start the container with --security-opt seccomp=unconfined, or with a profile that allows clone3 and mount"
            result.append(
                Diagnosis(.blocking, "user namespaces", "the kernel refuses them to this process\(inside) (error \(refusal))", fix: fix))
        }
        if !facts.seccompFilter {
            result.append(
                Diagnosis(
                    .blocking, "seccomp", "the kernel \(facts.kernel) has no filters", fix: "use a kernel with CONFIG_SECCOMP_FILTER=y"))
        }
        if let (major, minor) = version(facts.kernel), (major, minor) < (5, 12) {
            result.append(
                Diagnosis(
                    .blocking, "kernel", "\(facts.kernel) is too old: coop needs mount_setattr, which came with Linux 5.12",
                    fix: "use Linux 5.12 or later; 6.12 or later has every layer"))
        }
        if facts.landlock < LandlockAccess.oldestVersion {
            result.append(
                Diagnosis(
                    .weakening, "landlock",
                    facts.landlock == 0
                        ? "the kernel \(facts.kernel) has none, or it is not in the list of active modules"
                        : "version 1 cannot move files between directories",
                    fix: "use Linux 5.19 or later and boot with lsm=landlock,…, or run with --degraded=landlock"))
        }
        if !facts.users.separatesWarden {
            result.append(
                Diagnosis(
                    .weakening, "subordinate ids",
                    facts.users.idMapTools
                        ? "this user has none, so warden and command share an id" : "newuidmap and newgidmap are not installed",
                    fix: facts.users.idMapTools
                        ? "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER" : "sudo apt-get install uidmap"))
        }
        if let cgroups, let finding = limits(facts: facts, conditions: conditions, cgroups: cgroups) { result.append(finding) }
        return result
    }

    /// What cannot be limited for want of a cgroup.
    private static func limits(facts: HostFacts, conditions: HostConditions, cgroups: CgroupHost) -> Diagnosis? {
        let missing = CgroupHost.Controller.allCases.filter { cgroups.places[$0] == nil }
        guard !missing.isEmpty else { return nil }
        var effects: [String] = []
        if missing.contains(.cpu) { effects.append("--cpus is refused") }
        if missing.contains(.memory) { effects.append("--memory limits each process, not their sum") }
        if missing.contains(.pids), facts.isRoot { effects.append("--pids is refused to root") }
        let fix =
            switch (conditions.hasSystemd, conditions.hasUnifiedCgroups) {
            case (true, false): "boot with systemd.unified_cgroup_hierarchy=1"
            case (true, true) where facts.isRoot: "systemctl status   # coop asks systemd for a scope"
            case (true, true) where cgroups.places.isEmpty: "sudo loginctl enable-linger \(facts.user)   # or log in through systemd"
            case (true, true): "sudo systemctl edit user@.service   # and write [Service] Delegate=cpu memory pids"
            case (false, _): "start coop in a cgroup that this user may write to (docs/difficult-hosts.md, cgroups)"
            }
        return Diagnosis(
            .weakening, "limits",
            "no cgroup can be made for \(missing.map(\.rawValue).joined(separator: ", ")): "
                + (effects.isEmpty ? "RLIMIT_NPROC counts processes instead" : effects.joined(separator: ", ")), fix: fix)
    }

    private static func version(_ text: String) -> (Int, Int)? {
        let numbers = text.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
    }
}
