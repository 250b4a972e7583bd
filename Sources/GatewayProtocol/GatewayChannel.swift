// Whoever speaks this protocol also reads and writes its wire form.
@_exported import FrameTransport

/// The supervisor's end of the channel to a gateway worker.
public typealias SupervisorChannel = MessageChannel<WorkerMessage, SupervisorMessage>

/// The worker's end.
public typealias WorkerChannel = MessageChannel<SupervisorMessage, WorkerMessage>

/// Names one connection of a sandbox; the worker counts up from 1 and never uses a number again.
public typealias ConnectionID = UInt64

/// Names one request of a connection; the worker counts up within the connection.
public typealias StreamID = UInt32

/// Names one attempt of a connection to reach its destination; the worker counts up within the connection.
public typealias AttemptID = UInt32

/// The bounds that either side checks on what the other sends. A message beyond one of them ends the peer.
public enum ProtocolLimit {
    /// The version of this protocol; both programs come from one build.
    public static let version: UInt16 = 1
    /// The largest message to the worker, in bytes: extra root certificates are most of it.
    public static let supervisorMessage = 8 << 20
    /// The largest message to the supervisor, in bytes: a request's path is most of it.
    public static let workerMessage = 512 << 10
    /// A host name in bytes (RFC 1035: 253 and a final dot).
    public static let name = 255
    /// A request's path and query in bytes.
    public static let path = 64 << 10
    /// A request's method in bytes.
    public static let method = 64
    /// Protocols that a ClientHello offers (RFC 7301).
    public static let protocols = 32
    /// Bytes of a reason, rule or command that is shown to people.
    public static let text = 4096
    /// One secret in bytes.
    public static let secret = 256 << 10
    /// Injections for one request.
    public static let injections = 64
    /// Stubs that are looked for in requests.
    public static let stubs = 1024
    /// Bytes of the fingerprints that outgoing bytes are compared with: those of some two thousand secrets.
    public static let fingerprints = 2 << 20
    /// Secrets that have fingerprints.
    public static let secrets = 8192
    /// Places of one injection, and places and schemes of a survey.
    public static let places = 1024
    /// Extra root certificates.
    public static let certificates = 4096
    /// One certificate or key in bytes.
    public static let certificate = 64 << 10
    /// Bytes of a body that the supervisor reads whole: a request for new tokens.
    public static let requestBody = 64 << 10
    /// Bytes of a body that a server sends to coop itself.
    public static let responseBody = 256 << 10
    /// Header fields of a request or response that travels whole.
    public static let fields = 200
    /// Places of a request that hold something like a credential.
    public static let sightings = 512
}
