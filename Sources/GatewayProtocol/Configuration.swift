/// Bounds on what one sandbox may make the worker hold. All are positive.
public struct WorkerLimits: Hashable, Sendable {
    /// Connections at a time; one more is refused at once.
    public var connections: UInt32 = 4096
    /// Names that the DNS may give addresses to in one session.
    public var names: UInt32 = 65536
    /// Seconds for a client to say what it wants, and for each part of a request's head.
    public var handshakeSeconds: UInt32 = 30
    /// Seconds for a supervisor's verdict, a person's answer included.
    public var verdictSeconds: UInt32 = 600
    /// Seconds without a byte in either direction, after which a connection is closed.
    public var idleSeconds: UInt32 = 3600
    /// Bytes of a request's or response's head.
    public var headBytes: UInt32 = 128 << 10
    /// Idle upstream connections that are kept for further requests.
    public var pooled: UInt32 = 64

    public init() {}
}

/// A placeholder that stands inside for a secret; it is not secret itself.
public struct Stub: Hashable, Sendable {
    public var id: UInt32
    public var value: [UInt8]
    public init(id: UInt32, value: [UInt8]) {
        self.id = id
        self.value = value
    }
}

/// A keyed digest of a secret: enough to notice the secret in outgoing bytes, not enough to learn it.
public struct Fingerprint: Hashable, Sendable {
    /// Names the secret in incidents.
    public var id: UInt32
    /// The secret's length in bytes.
    public var length: UInt32
    /// The digest, as the scanner computes it.
    public var digest: [UInt8]
    public init(id: UInt32, length: UInt32, digest: [UInt8]) {
        self.id = id
        self.length = length
        self.digest = digest
    }
}

/// What the worker looks for in requests and other outgoing bytes.
public struct SecretWatch: Hashable, Sendable {
    public var stubs: [Stub]
    /// The key of the fingerprints.
    public var key: SecretBytes
    public var fingerprints: [Fingerprint]
    public init(stubs: [Stub] = [], key: SecretBytes = SecretBytes([]), fingerprints: [Fingerprint] = []) {
        self.stubs = stubs
        self.key = key
        self.fingerprints = fingerprints
    }
}

/// The authority that signs the certificates which programs inside see on terminated connections.
public struct SandboxAuthority: Hashable, Sendable {
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
public struct WorkerConfiguration: Hashable, Sendable {
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
