import LinuxKernel

/// What on a host can stop a sandbox, as far as it can be read: a plain value, so that hosts which are not at hand can be
/// simulated.
public struct HostConditions: Codable, Sendable, Equatable {
    /// kernel.apparmor_restrict_unprivileged_userns (Ubuntu 23.10 and later).
    public var appArmorRestrictsNamespaces = false
    /// The AppArmor profile this process runs under; nil for none or `unconfined`.
    public var appArmorProfile: String?
    /// Whether a profile for coop is installed.
    public var hasAppArmorProfile = false
    /// kernel.unprivileged_userns_clone of Debian kernels; nil where it does not exist.
    public var namespacesAllowed: Bool?
    /// user.max_user_namespaces.
    public var maximumNamespaces: Int?
    /// Inside a container: of which kind.
    public var container: String?
    /// SELinux enforcing.
    public var selinuxEnforces = false
    /// Whether systemd is this machine's init (sd_booted(3)).
    public var hasSystemd = false
    /// Whether /sys/fs/cgroup is the unified hierarchy (cgroups(7), version 2).
    public var hasUnifiedCgroups = false

    public init() {}

    /// Reads them below `root`: `/`, or a directory made for a test.
    public static func read(root: String = "/") -> HostConditions {
        var result = HostConditions()
        func text(_ path: String) -> String? {
            guard let bytes = try? FileSystem.read(FileSystem.join(root, path), limit: 1 << 16) else { return nil }
            var text = String(osBytes: bytes)
            while let last = text.last, last == "\n" || last == " " || last == "\0" { text.removeLast() }
            return text
        }
        result.appArmorRestrictsNamespaces = text("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1"
        let label = text("proc/self/attr/current")
        if let label, !label.isEmpty, label != "unconfined", text("sys/module/apparmor/parameters/enabled") == "Y" {
            result.appArmorProfile = label
        }
        result.hasAppArmorProfile = FileSystem.kind(FileSystem.join(root, "etc/apparmor.d/coop")) == .file
        result.namespacesAllowed = text("proc/sys/kernel/unprivileged_userns_clone").map { $0 != "0" }
        result.maximumNamespaces = text("proc/sys/user/max_user_namespaces").flatMap(Int.init)
        if FileSystem.kind(FileSystem.join(root, ".dockerenv")) == .file { result.container = "docker" }
        if FileSystem.kind(FileSystem.join(root, "run/.containerenv")) == .file { result.container = "podman" }
        if FileSystem.kind(FileSystem.join(root, "var/run/secrets/kubernetes.io")) == .directory { result.container = "kubernetes" }
        result.selinuxEnforces = text("sys/fs/selinux/enforce") == "1"
        result.hasSystemd = FileSystem.kind(FileSystem.join(root, "run/systemd/system")) == .directory
        result.hasUnifiedCgroups = FileSystem.kind(FileSystem.join(root, "sys/fs/cgroup/cgroup.controllers")) == .file
        return result
    }
}
