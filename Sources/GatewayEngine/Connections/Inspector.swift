import GatewayProtocol
import LinuxKernel
import Substitution

/// Where the pipelines report to. All calls may come from any thread.
public protocol InspectorObserver: Sendable {
    /// Says something to the supervisor about a connection that is being inspected.
    func send(_ message: WorkerMessage)
    /// The connection is over and its sockets are closed. Said exactly once for each `begin`.
    func ended(_ id: ConnectionID, bytesIn: UInt64, bytesOut: UInt64)
}

/// The pipelines that terminate TLS and read HTTP. The worker's main thread calls them; they work on their own.
public protocol Inspector: Sendable {
    /// Takes over a client's socket, from which nothing has been read: the first bytes wait in the kernel.
    func begin(_ id: ConnectionID, socket: Descriptor, opening: Opening)
    /// The supervisor's answers, for the pipelines that asked. An id that is unknown by now is ignored; a socket that comes
    /// with it is closed.
    func connected(_ id: ConnectionID, _ attempt: AttemptID, socket: Descriptor)
    func unreachable(_ id: ConnectionID, _ attempt: AttemptID, _ reason: Unreachable)
    func allow(_ id: ConnectionID, _ stream: StreamID, _ injections: [Injection])
    func deny(_ id: ConnectionID, _ stream: StreamID, _ denial: Denial)
    /// Reads the request's whole body and tells the supervisor, which answers it.
    func collect(_ id: ConnectionID, _ stream: StreamID)
    func respond(_ id: ConnectionID, _ stream: StreamID, _ response: WholeResponse)
    /// Breaks the connection off.
    func revoke(_ id: ConnectionID)
    func watch(_ watch: SecretWatch)
}

/// Makes the pipelines' threads, which must exist before the worker confines itself.
public protocol InspectorFactory: Sendable {
    func startThreads() throws -> any StartedInspectors
}

/// Threads that wait for their configuration.
public protocol StartedInspectors: Sendable {
    /// - Returns: nil when nothing can be inspected in this sandbox.
    func make(_ configuration: WorkerConfiguration, _ observer: any InspectorObserver) throws -> (any Inspector)?
    /// Sends a request of coop's own over a connected socket, and tells the observer what came of it.
    ///
    /// - Parameter roots: the certificates that the server's is verified with, DER.
    func fetch(_ request: OutboundRequest, over socket: Descriptor, roots: [[UInt8]], _ observer: any InspectorObserver)
}
