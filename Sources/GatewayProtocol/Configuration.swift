import Substitution

/// Bounds on what one sandbox may make the worker hold. All are positive.
public struct WorkerLimits: Hashable, Sendable {
    /// Connections at a time; one more is refused at once.
    public var connections: UInt32 = 4096
    /// Names that the DNS may give addresses to in one session.
    public var names: UInt32 = 65536
    /// Seconds for a client to say what it wants, and for each part of a request's head.
    public var handshakeSeconds: UInt32 = 30
    /// Seconds for a supervisor's verdict. A person's answer is one: a question stays open as long as somebody waits for it.
    public var verdictSeconds: UInt32 = 86_400
    /// Seconds without a byte in either direction, after which a connection is closed.
    public var idleSeconds: UInt32 = 3600
    /// Bytes of a request's or response's head.
    public var headBytes: UInt32 = 128 << 10
    /// Idle upstream connections that are kept for further requests.
    public var pooled: UInt32 = 1024

    public init() {}
}

/// What the worker looks for in requests and other outgoing bytes.
public struct SecretWatch: Equatable, Sendable {
    /// The sandbox's stubs; a `Sighting` names them by their positions.
    public var stubs: [[UInt8]]
    /// Where grants put credentials, beyond the places that are always looked at.
    public var places: [InjectionPlace.Kind]
    /// Words that grants' templates put before a credential.
    public var schemes: [String]
    /// Secrets that must not leave. Nil: there is none.
    public var fingerprints: SecretFingerprints?
    /// What the secrets of the fingerprints are called, in their order; for incidents.
    public var names: [String]

    public init(
        stubs: [[UInt8]] = [], places: [InjectionPlace.Kind] = [], schemes: [String] = [], fingerprints: SecretFingerprints? = nil,
        names: [String] = []
    ) {
        self.stubs = stubs
        self.places = places
        self.schemes = schemes
        self.fingerprints = fingerprints
        self.names = names
    }
}

/// The authority that signs the certificates which programs inside see on terminated connections.
public struct SandboxAuthority: Equatable, Sendable {
    /// The P-256 private key in its raw form, 32 bytes.
    public var key: SecretBytes
    /// The certificate, DER.
    public var certificate: [UInt8]
    public init(key: SecretBytes, certificate: [UInt8]) {
        self.key = key
        self.certificate = certificate
    }
}

/// What the worker must know before it reads anything from the sandbox.
public struct WorkerConfiguration: Equatable, Sendable {
    /// Nil when nothing can be terminated in this sandbox.
    public var authority: SandboxAuthority?
    public var limits: WorkerLimits
    /// The root certificates that upstream certificates are verified with, DER; the worker cannot read the host's files.
    public var roots: [[UInt8]]
    public var watch: SecretWatch
    public init(
        authority: SandboxAuthority? = nil, limits: WorkerLimits = WorkerLimits(), roots: [[UInt8]] = [], watch: SecretWatch = SecretWatch()
    ) {
        self.authority = authority
        self.limits = limits
        self.roots = roots
        self.watch = watch
    }
}
