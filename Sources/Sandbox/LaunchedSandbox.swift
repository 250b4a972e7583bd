import LinuxKernel
import WardenProtocol

/// A sandbox whose warden has been started and handed its plan.
public final class LaunchedSandbox {
    /// The stream to the warden.
    public let channel: FrameChannel
    /// The warden's process id on the host.
    public let pid: Int32
    /// The environment that further commands start with.
    public let environment: [String]
    public let workingDirectory: String
    /// The sockets that the plan makes inside for the gateway.
    let plannedListeners: [ListeningSocket]
    /// Those that have arrived from the warden, all of them once it is ready.
    public internal(set) var listeners: [GatewayListener] = []
    private var releases: [() throws -> Void]

    /// - Parameters:
    ///   - listeners: the sockets that the plan makes inside.
    ///   - release: gives back what the engine took on the host (cgroups); called once the processes are gone.
    public init(
        channel: FrameChannel, pid: Int32, environment: [String], workingDirectory: String, listeners: [ListeningSocket] = [],
        release: @escaping () throws -> Void
    ) {
        self.channel = channel
        self.pid = pid
        self.environment = environment
        self.workingDirectory = workingDirectory
        plannedListeners = listeners
        releases = [release]
    }

    /// Lets go of the sockets for the sandbox's traffic: once nobody else holds them, whatever it wants to reach is refused.
    public func closeListeners() { listeners = [] }

    /// Gives back what the sandbox took on the host.
    public func release() throws {
        closeListeners()
        while let release = releases.popLast() { try release() }
    }
}

/// A way to realise a spec: namespaces, a container, a virtual machine, another host. Everything above is written once.
public protocol Engine {
    /// The engine's name in `--engine` and in reports.
    var name: String { get }
    /// What would be done for `spec`, and how strong each layer would be. Runs nothing.
    func explain(_ spec: SandboxSpec) throws -> Explanation
    /// Starts the sandbox without a command. Fails when a layer is missing that the user has not named as degraded.
    func launch(_ spec: SandboxSpec) throws -> LaunchedSandbox
}

/// The answer to `coop explain`.
public struct Explanation: Codable, Sendable {
    public var version = 1
    public var engine: String
    public var spec: SandboxSpec
    public var layers: [LayerReport]
    public var plan: LaunchPlan
    /// What a person should know beside it, one sentence each.
    public var notes: [String] = []

    public init(engine: String, spec: SandboxSpec, layers: [LayerReport], plan: LaunchPlan) {
        self.engine = engine
        self.spec = spec
        self.layers = layers
        self.plan = plan
    }
}
