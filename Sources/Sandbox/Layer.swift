/// One wall of a sandbox. Whether it stands is reported by `coop explain` and proved by `coop doctor`; one that is
/// missing stops the run unless it is named in `--degraded`.
public enum Layer: String, Codable, Sendable, CaseIterable {
    case userNamespace = "user-namespace"
    case mountNamespace = "mount-namespace"
    case processNamespace = "pid-namespace"
    case networkNamespace = "network-namespace"
    case network
    case ipcNamespace = "ipc-namespace"
    case hostnameNamespace = "uts-namespace"
    case cgroupNamespace = "cgroup-namespace"
    case timeNamespace = "time-namespace"
    case root
    case proc
    case separateWarden = "separate-warden"
    case capabilities
    case landlock
    case seccomp
    case memory
    case cpu
    case processes = "pids"
    case disk

    /// What the layer is for, in one sentence.
    public var purpose: String {
        switch self {
        case .userNamespace: "Being root inside means nothing outside."
        case .mountNamespace: "The sandbox has a file tree of its own."
        case .processNamespace: "Processes outside can be neither seen nor signalled."
        case .networkNamespace: "The host's network devices, ports and abstract sockets do not exist inside."
        case .network: "Whatever leaves goes through the gateway: the kernel redirects TCP and DNS, and refuses the rest."
        case .ipcNamespace: "Shared memory, semaphores and message queues of the host do not exist inside."
        case .hostnameNamespace: "The host's name is neither seen nor changed."
        case .cgroupNamespace: "The place in the host's resource hierarchy is not seen."
        case .timeNamespace: "Clock offsets are the sandbox's own."
        case .root: "The file tree is built from nothing; only what is listed appears."
        case .proc: "A fresh /proc shows only the sandbox's processes, with kernel settings read-only."
        case .separateWarden: "The first process runs as another user than the command."
        case .capabilities: "No capability, and no way to gain one."
        case .landlock: "A second wall around files, independent of mounts."
        case .seccomp: "Only listed system calls reach the kernel."
        case .memory: "Memory of the whole sandbox is limited."
        case .cpu: "Processor time of the whole sandbox is limited."
        case .processes: "The number of processes is limited."
        case .disk: "Storage of the sandbox is limited."
        }
    }

    /// Whether `--degraded` may name it. The others are what makes it a sandbox at all.
    public var isOptional: Bool {
        switch self {
        case .landlock, .timeNamespace, .cgroupNamespace, .memory, .cpu, .processes, .disk: true
        default: false
        }
    }
}

/// How strong a layer is on this host, for this spec.
public struct LayerReport: Codable, Sendable, Equatable {
    public enum Strength: String, Codable, Sendable {
        case enforced
        /// In force, but not in the full form; `detail` says what differs.
        case weaker
        /// Asked for or expected, and not to be had here.
        case missing
        /// Nobody asked for it.
        case unused
    }

    public var layer: Layer
    public var strength: Strength
    /// By what it is enforced, or why it is not.
    public var detail: String
    /// What would make it stronger.
    public var next: String?

    public init(_ layer: Layer, _ strength: Strength, _ detail: String, next: String? = nil) {
        self.layer = layer
        self.strength = strength
        self.detail = detail
        self.next = next
    }
}
