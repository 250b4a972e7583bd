/// What the bytes are for that a key shall sign, as far as they say so themselves.
public enum SignaturePurpose: Equatable, Sendable {
    /// A login by SSH (RFC 4252, section 7). The server is not known: the bytes hold it as a hash.
    case login(user: String)
    /// A signature of a file or a commit, in OpenSSH's form (PROTOCOL.sshsig).
    case signature(namespace: String)
    case unknown(bytes: Int)

    /// - Parameter key: the key that is asked for; a login names it once more.
    public init(of data: [UInt8], key: [UInt8]) {
        self =
            (try? SignaturePurpose.login(data, key)) ?? (try? SignaturePurpose.signature(data)) ?? .unknown(bytes: data.count)
    }

    private static func login(_ data: [UInt8], _ key: [UInt8]) throws(AgentError) -> SignaturePurpose {
        var reader = AgentReader(data)
        let session = try reader.string()
        // SSH_MSG_USERAUTH_REQUEST
        guard (16...64).contains(session.count), try reader.byte() == 50 else { throw .unexpected }
        let user = try reader.string()
        guard try reader.string() == Array("ssh-connection".utf8) else { throw .unexpected }
        let method = String(decoding: try reader.string(), as: UTF8.self)
        let isBound = method == "publickey-hostbound-v00@openssh.com"
        guard method == "publickey" || isBound, try reader.byte() == 1 else { throw .unexpected }
        _ = try reader.string()
        guard try reader.string() == key else { throw .unexpected }
        if isBound { _ = try reader.string() }
        try reader.end()
        return .login(user: String(decoding: user, as: UTF8.self))
    }

    private static func signature(_ data: [UInt8]) throws(AgentError) -> SignaturePurpose {
        let magic = Array("SSHSIG".utf8)
        guard data.starts(with: magic) else { throw .unexpected }
        var reader = AgentReader(Array(data.dropFirst(magic.count)))
        let namespace = try reader.string()
        _ = try reader.string()
        let hash = String(decoding: try reader.string(), as: UTF8.self)
        let digest = try reader.string()
        try reader.end()
        guard !namespace.isEmpty, hash == "sha256" && digest.count == 32 || hash == "sha512" && digest.count == 64 else {
            throw .unexpected
        }
        return .signature(namespace: String(decoding: namespace, as: UTF8.self))
    }

    public var isKnown: Bool { if case .unknown = self { false } else { true } }
}
