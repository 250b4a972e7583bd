/// Every key of the configuration that has a merge rule of its own. The schema (`ConfigurationSchema.entries`) says the rest.
public enum ConfigurationKey: Int, Sendable, CaseIterable {
    case name, agent, start
    case engine, rootfs, workspace, mounts, excludes, caches, env, envAllow, envBlock, envBundles
    case memory, cpus, pids, disk, timeout, allowSyscalls, protect, forward
    case networkMode, bundles, allow, deny, hostPorts, ca, proxy, hosts, rules
    case grants, commands, services, prepare, hookInputs, sshKeys
    case notifyOn, notifyDesktop, notifyCommand, notifyWebhook

    /// The schema's entry.
    public var schema: ConfigurationSchema.Entry { ConfigurationSchema.entries[rawValue] }
    /// The key as it is written with dots: `sandbox.memory`.
    public var path: String { schema.path }
}
